"""Checks a batch before any engine handles it: values, sizes, identity."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewObservation, NewRevision
from lineal.graphstore.errors import BatchRefused, Problem, ProblemCode
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.records import Source
from lineal.graphstore.urns import account_problem, make_urn, name_problem
from lineal.graphstore.values import (
    INT64_MAX,
    INT64_MIN,
    MAX_METRIC_BYTES,
    MAX_WORD_BYTES,
    Property,
    text_problem,
    value_problem,
)

Path: TypeAlias = tuple[str | int, ...]


def checked_urns(batch: Batch) -> list[str]:
    """Return the URNs of a batch's entities, in order; raise BatchRefused with all problems that need no store."""
    problems: list[Problem] = []
    for index, entity in enumerate(batch.entities):
        problems += _entity_problems(entity, ("entities", index))
    for index, association in enumerate(batch.associations):
        problems += _association_problems(association, ("associations", index))
    for index, revision in enumerate(batch.revisions):
        problems += _revision_problems(revision, ("revisions", index))
    for index, observation in enumerate(batch.observations):
        problems += _observation_problems(observation, ("observations", index))
    if problems:
        raise BatchRefused(tuple(problems))
    return [make_urn(entity.account, entity.kind, entity.name, entity.version) for entity in batch.entities]


def _problem(subject: str, problem: str, path: Path) -> Problem:
    # `problem` contains no text of the caller, which could otherwise decide the code.
    code = ProblemCode.TOO_LARGE if "the most is" in problem else ProblemCode.INVALID_VALUE
    return Problem(code, f"{subject} {problem}.", path)


def _name_problems(text: str | None, path: Path) -> Iterator[Problem]:
    if text is not None and (problem := name_problem(text)):
        yield _problem(str(path[-1]), problem, path)


def _text_problems(text: str | None, path: Path) -> Iterator[Problem]:
    if text is not None and (problem := text_problem(text)):
        yield _problem(str(path[-1]), problem, path)


def _word_problems(
    text: str | None, path: Path, subject: str | None = None, most: int = MAX_WORD_BYTES
) -> Iterator[Problem]:
    subject = str(path[-1]) if subject is None else subject
    if text is None:
        return
    if not text:
        yield _problem(subject, "is empty: leave it out, or give it at least one character", path)
    elif problem := text_problem(text, most):
        yield _problem(subject, problem, path)


def _property_problems(properties: Iterable[Property], path: Path) -> Iterator[Problem]:
    keys = set()
    for index, property in enumerate(properties):
        yield from _word_problems(property.key, (*path, index, "key"))
        if property.key in keys:
            yield _problem(f"key {property.key[:64]!r}", "occurs twice: send each key once", (*path, index, "key"))
        keys.add(property.key)
        if problem := value_problem(property.type, property.value):
            yield _problem(f"value {property.key[:64]!r}", problem, (*path, index, "value"))


def _source_problems(source: Source, path: Path) -> Iterator[Problem]:
    yield from _text_problems(source.uri, (*path, "uri"))
    yield from _word_problems(source.type, (*path, "type"))
    for index, id in enumerate(source.ids):
        yield from _text_problems(id.value, (*path, "ids", index, "value"))


def _tag_problems(tags: Iterable[str], path: Path) -> Iterator[Problem]:
    for index, tag in enumerate(tags):
        yield from _word_problems(tag, (*path, index), "a tag")


def _entity_problems(entity: NewEntity, path: Path) -> Iterator[Problem]:
    if entity.kind is EntityKind.RESTRICTED:
        sentence = "RESTRICTED is shown for hidden entities and cannot be recorded: use the entity's own kind."
        yield Problem(ProblemCode.INVALID_VALUE, sentence, (*path, "kind"))
    if problem := account_problem(entity.account):
        yield _problem("account", problem, (*path, "account"))
    yield from _name_problems(entity.name, (*path, "name"))
    yield from _name_problems(entity.version, (*path, "version"))
    yield from _word_problems(entity.type, (*path, "type"))
    yield from _text_problems(entity.description, (*path, "description"))
    yield from _text_problems(entity.title, (*path, "title"))
    if entity.source is not None:
        yield from _source_problems(entity.source, (*path, "source"))
    yield from _tag_problems(entity.tags, (*path, "tags"))
    yield from _property_problems(entity.properties, (*path, "properties"))


def _association_problems(association: NewAssociation, path: Path) -> Iterator[Problem]:
    if association.source == association.destination:
        sentence = f"{association.source} cannot be associated with itself: name two entities."
        yield Problem(ProblemCode.SELF_ASSOCIATION, sentence, path)
    yield from _word_problems(association.role, (*path, "role"))
    yield from _property_problems(association.properties, (*path, "properties"))


def _revision_problems(revision: NewRevision, path: Path) -> Iterator[Problem]:
    if revision.superseded_by == revision.entity:
        sentence = f"{revision.entity} cannot supersede itself: name another entity."
        yield Problem(ProblemCode.INVALID_VALUE, sentence, (*path, "supersededBy"))
    yield from _text_problems(revision.description, (*path, "description"))
    yield from _text_problems(revision.title, (*path, "title"))
    yield from _tag_problems(revision.tags or (), (*path, "tags"))
    yield from _property_problems(revision.properties, (*path, "properties"))
    for index, key in enumerate(revision.removed):
        yield from _word_problems(key, (*path, "removed", index), "a removed key")


def _observation_problems(observation: NewObservation, path: Path) -> Iterator[Problem]:
    yield from _word_problems(observation.metric, (*path, "metric"), most=MAX_METRIC_BYTES)
    if not INT64_MIN <= observation.step <= INT64_MAX:
        yield _problem("step", "is an integer outside 64 bits: count steps in a larger unit", (*path, "step"))
