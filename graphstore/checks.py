"""The rules a batch must keep before any engine looks at it: values, sizes, identity."""

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
    """The urns of a batch's entities, in its order; raises BatchRefused with every problem that needs no store."""
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


def _refused(subject: str, problem: str, path: Path) -> Problem:
    # `problem` holds no text of the caller's, who could otherwise choose the code.
    code = ProblemCode.TOO_LARGE if "the most is" in problem else ProblemCode.INVALID_VALUE
    return Problem(code, f"{subject} {problem}.", path)


def _named(text: str | None, path: Path) -> Iterator[Problem]:
    if text is not None and (problem := name_problem(text)):
        yield _refused(str(path[-1]), problem, path)


def _text(text: str | None, path: Path) -> Iterator[Problem]:
    if text is not None and (problem := text_problem(text)):
        yield _refused(str(path[-1]), problem, path)


def _word(text: str | None, path: Path, subject: str | None = None, most: int = MAX_WORD_BYTES) -> Iterator[Problem]:
    subject = str(path[-1]) if subject is None else subject
    if text is None:
        return
    if not text:
        yield _refused(subject, "is empty: leave it out, or give it at least one character", path)
    elif problem := text_problem(text, most):
        yield _refused(subject, problem, path)


def _properties(properties: Iterable[Property], path: Path) -> Iterator[Problem]:
    keys = set()
    for index, property in enumerate(properties):
        yield from _word(property.key, (*path, index, "key"))
        if property.key in keys:
            yield _refused(f"key {property.key[:64]!r}", "is given twice: give each key once", (*path, index, "key"))
        keys.add(property.key)
        if problem := value_problem(property.type, property.value):
            yield _refused(f"value {property.key[:64]!r}", problem, (*path, index, "value"))


def _source(source: Source, path: Path) -> Iterator[Problem]:
    yield from _text(source.uri, (*path, "uri"))
    yield from _word(source.type, (*path, "type"))
    for index, id in enumerate(source.ids):
        yield from _text(id.value, (*path, "ids", index, "value"))


def _tags(tags: Iterable[str], path: Path) -> Iterator[Problem]:
    for index, tag in enumerate(tags):
        yield from _word(tag, (*path, index), "a tag")


def _entity_problems(entity: NewEntity, path: Path) -> Iterator[Problem]:
    if entity.kind is EntityKind.RESTRICTED:
        sentence = "RESTRICTED is what is shown of a hidden entity, and no kind to record: give the entity's own."
        yield Problem(ProblemCode.INVALID_VALUE, sentence, (*path, "kind"))
    if problem := account_problem(entity.account):
        yield _refused("account", problem, (*path, "account"))
    yield from _named(entity.name, (*path, "name"))
    yield from _named(entity.version, (*path, "version"))
    yield from _word(entity.type, (*path, "type"))
    yield from _text(entity.description, (*path, "description"))
    yield from _text(entity.title, (*path, "title"))
    if entity.source is not None:
        yield from _source(entity.source, (*path, "source"))
    yield from _tags(entity.tags, (*path, "tags"))
    yield from _properties(entity.properties, (*path, "properties"))


def _association_problems(association: NewAssociation, path: Path) -> Iterator[Problem]:
    if association.source == association.destination:
        sentence = f"{association.source} cannot be associated with itself: name two entities."
        yield Problem(ProblemCode.SELF_ASSOCIATION, sentence, path)
    yield from _word(association.role, (*path, "role"))
    yield from _properties(association.properties, (*path, "properties"))


def _revision_problems(revision: NewRevision, path: Path) -> Iterator[Problem]:
    if revision.superseded_by == revision.entity:
        sentence = f"{revision.entity} cannot supersede itself: name another entity."
        yield Problem(ProblemCode.INVALID_VALUE, sentence, (*path, "supersededBy"))
    yield from _text(revision.description, (*path, "description"))
    yield from _text(revision.title, (*path, "title"))
    yield from _tags(revision.tags or (), (*path, "tags"))
    yield from _properties(revision.properties, (*path, "properties"))
    for index, key in enumerate(revision.removed):
        yield from _word(key, (*path, "removed", index), "a removed key")


def _observation_problems(observation: NewObservation, path: Path) -> Iterator[Problem]:
    yield from _word(observation.metric, (*path, "metric"), most=MAX_METRIC_BYTES)
    if not INT64_MIN <= observation.step <= INT64_MAX:
        yield _refused("step", "is an integer outside 64 bits: count steps in a larger unit", (*path, "step"))
