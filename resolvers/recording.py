"""What callers record: inputs into one atomic batch, and what became of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import Any, Final, TypeAlias

from strawberry import UNSET

from lineal.graphstore.batches import Batch, Idempotency, NewAssociation, NewEntity, NewObservation, NewRevision
from lineal.graphstore.checks import checked_urns
from lineal.graphstore.digests import association_form, entity_form, revision_set_form
from lineal.graphstore.errors import BatchRefused, Problem, ProblemCode
from lineal.graphstore.kinds import AssociationType, EntityKind, EntityStatus, PropertyType, SourceIdType
from lineal.graphstore.records import AsOf, Association, Entity, Revision, Source, SourceId, View
from lineal.graphstore.urns import entity_id
from lineal.graphstore.values import INT64_MAX, INT64_MIN, Json, Property, canonical_bytes, format_float
from lineal.resolvers.context import Context
from lineal.resolvers.errors import BadInput
from lineal.resolvers.idempotency import checked_key
from lineal.resolvers.references import Refs
from lineal.resolvers.write_permissions import WriteAuthorization

ProblemPath: TypeAlias = tuple[str | int, ...]
"""Where a problem lies, in a batch or in an input."""
MOST_PARTS: Final = 1000
"""The most entities, and the most associations, of one batch."""
MOST_BYTES: Final = 8 * 1024 * 1024
"""The most bytes the digest forms of a batch may have together."""


@dataclass(frozen=True, slots=True)
class UserError:
    """Why nothing was written."""

    code: ProblemCode
    message: str
    path: Sequence[str]


@dataclass(frozen=True, slots=True)
class RecordedEntity:
    """An entity as it stands, None where it may not be read, and whether this request wrote it."""

    entity: Entity | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class RecordedAssociation:
    """An association as it stands, None where it may not be seen, and whether this request wrote it."""

    association: Association | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class LineageRecorded:
    """What became of a lineageRecord."""

    entities: Sequence[RecordedEntity] = ()
    associations: Sequence[RecordedAssociation] = ()
    user_errors: Sequence[UserError] = ()


@dataclass(frozen=True, slots=True)
class EntityRevised:
    """What became of an entityRevise."""

    entity: Entity | None = None
    revision: Revision | None = None
    is_new: bool = False
    user_errors: Sequence[UserError] = ()


async def lineage_record(context: Context, given: Any) -> LineageRecorded:
    """Record one atomic batch."""
    permit = None
    try:
        entities = tuple(_new_entity(context, each) for each in given.entities or ())
        _refuse_too_many("entities", entities)
        _refuse_too_many("associations", given.associations or ())
        urns = checked_urns(Batch(entities))
        refs = Refs(context, urns)
        await refs.look_up([ref for each in given.associations or () for ref in (each.source, each.destination)])
        associations = tuple(
            _new_association(refs, each, ("associations", index)) for index, each in enumerate(given.associations or ())
        )
        refs.refuse()
        batch = Batch(entities, associations)
        checked_urns(batch)
        permit = await WriteAuthorization.asked(context, batch, urns, refs.places)
        key = idempotency_of(given.idempotency_key, sized_fingerprint("lineageRecord", batch))
        scope = context.view().scope
        done = await context.store.record(
            batch, by=context.principal.shown, idempotency=key, returning=scope, audit=permit.audit
        )
    except BatchRefused as refused:
        return LineageRecorded(user_errors=_user_errors(refused, permit))
    return LineageRecorded(
        [RecordedEntity(*each) for each in zip(done.entities, done.entities_are_new, strict=True)],
        [RecordedAssociation(*each) for each in zip(done.associations, done.associations_are_new, strict=True)],
    )


async def entity_revise(context: Context, given: Any) -> EntityRevised:
    """Append one revision."""
    permit = None
    try:
        refs = Refs(context, [])
        await refs.look_up([ref for ref in (given.entity, given.superseded_by) if ref is not None])
        revision = NewRevision(
            refs.urn(given.entity, ("revisions", 0, "entity")),
            given.status and EntityStatus(given.status),
            None if given.tags is None else tuple(given.tags),
            given.description,
            given_properties(given.properties),
            tuple(given.removed or ()),
            None if given.superseded_by is None else refs.urn(given.superseded_by, ("revisions", 0, "supersededBy")),
            given.occurred_at,
        )
        refs.refuse()
        if not revision_set_form(revision) and not revision.removed:
            sentence = (
                "The revision changes nothing: give status, tags, description, properties, removed or supersededBy."
            )
            raise BatchRefused((Problem(ProblemCode.INVALID_VALUE, sentence),))
        batch = Batch(revisions=(revision,))
        checked_urns(batch)
        permit = await WriteAuthorization.asked(context, batch, (), refs.places)
        key = idempotency_of(given.idempotency_key, sized_fingerprint("entityRevise", batch))
        scope = context.view().scope
        done = await context.store.record(
            batch, by=context.principal.shown, idempotency=key, returning=scope, audit=permit.audit
        )
    except BatchRefused as refused:
        return EntityRevised(user_errors=_user_errors(refused, permit))
    appended = done.revisions[0]
    as_of = AsOf((await context.store.newest()).recorded_at) if appended is None else appended.view.as_of
    (entity,) = await context.store.entities(View(scope, as_of), [entity_id(revision.entity)])
    return EntityRevised(entity, appended, done.revisions_are_new[0])


def _new_entity(context: Context, given: Any) -> NewEntity:
    return NewEntity(
        given.account if given.account is not None else context.principal.account,
        EntityKind(given.kind),
        given.name,
        given.version,
        given.type,
        given.description,
        given.status and EntityStatus(given.status),
        _source(given.source),
        tuple(given.tags or ()),
        given_properties(given.properties),
        given.occurred_at,
    )


def _source(given: Any) -> Source | None:
    if given is None:
        return None
    ids = tuple(SourceId(SourceIdType(id.type), id.value) for id in given.ids or ())
    return Source(given.uri, given.type, ids)


def _new_association(refs: Refs, given: Any, path: tuple[str | int, ...]) -> NewAssociation:
    return NewAssociation(
        refs.urn(given.source, (*path, "source")),
        refs.urn(given.destination, (*path, "destination")),
        AssociationType(given.type),
        given.role,
        given_properties(given.properties),
        given.occurred_at,
    )


def given_properties(given: Sequence[Any] | None) -> tuple[Property, ...]:
    """The properties of a list of PropertyInput. Raises BadInput where an integer is none."""
    return tuple(_property(each.key, each.value) for each in given or ())


_INPUTS: Final = {
    "string": PropertyType.STRING,
    "int": PropertyType.INTEGER,
    "float": PropertyType.FLOAT,
    "boolean": PropertyType.BOOLEAN,
    "timestamp": PropertyType.TIMESTAMP,
    "json": PropertyType.JSON,
}


def _property(key: str, given: Any) -> Property:
    # The input is @oneOf: exactly one of its fields is there, and is not null.
    name = next(name for name in _INPUTS if getattr(given, f"{name}_value") is not UNSET)
    value: Json = getattr(given, f"{name}_value")
    if name == "int":
        value = integer(f"property {key[:64]!r}: int", value)
    elif name == "float":
        value = float(value)  # type: ignore[arg-type]
    return Property(key, _INPUTS[name], value)


def integer(name: str, value: Json) -> int:
    """A 64-bit integer, given as a JSON number or, where a client's numbers are too short for it, as decimal text.

    Raises BadInput, under the name it is given by.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.removeprefix("-").isascii() and value.removeprefix("-").isdigit():
        value = int(value) if len(value) <= 20 else INT64_MAX + 1
    if isinstance(value, bool) or not isinstance(value, int) or not INT64_MIN <= value <= INT64_MAX:
        raise BadInput(f"{name} takes an integer of 64 bits, as a number or as decimal text")
    return value


def _refuse_too_many(name: str, parts: Sequence[object]) -> None:
    if len(parts) > MOST_PARTS:
        sentence = f"{name} holds {len(parts)}; the most is {MOST_PARTS}: split the batch, associations last."
        raise BatchRefused((Problem(ProblemCode.TOO_LARGE, sentence, (name,)),))


def sized_fingerprint(mutation: str, batch: Batch) -> str:
    """A digest of everything a request records; refuses one that is too large."""
    forms: list[dict[str, object]] = [entity_form(entity) for entity in batch.entities]
    forms += [association_form(association) for association in batch.associations]
    for revision in batch.revisions:
        when = None if revision.occurred_at is None else str(revision.occurred_at)
        removed = sorted(revision.removed)
        forms.append({"of": revision.entity, "set": revision_set_form(revision), "removed": removed, "at": when})
    for (entity, metric), series in groupby(batch.observations, key=lambda each: (each.entity, each.metric)):
        values = [_observed(each) for each in series]
        forms.append({"of": entity, "metric": metric, "values": values})
    digest, size = sha256(mutation.encode()), 0
    for form in forms:
        data = canonical_bytes(form)
        digest.update(data + b"\n")
        size += len(data)
    if size > MOST_BYTES:
        sentence = (
            f"The batch is {size} bytes; the most is {MOST_BYTES}: split it, or record large values by reference."
        )
        raise BatchRefused((Problem(ProblemCode.TOO_LARGE, sentence),))
    return digest.hexdigest()


def _observed(observation: NewObservation) -> str:
    return f"{observation.step} {observation.occurred_at} {format_float(observation.value)}"


def idempotency_of(key: str | None, fingerprint: str) -> Idempotency | None:
    """What a request is known by under a key; None without one. Raises BadInput."""
    return None if key is None else Idempotency(checked_key(key), fingerprint)


def _user_errors(refused: BatchRefused, permit: WriteAuthorization | None) -> list[UserError]:
    told = refused.problems if permit is None else tuple(map(permit.shown_problem, refused.problems))
    return user_errors_at(told, _in_input)


def user_errors_at(problems: Sequence[Problem], in_input: Callable[[ProblemPath], ProblemPath]) -> list[UserError]:
    """Problems as errors, each once, where `in_input` says they lie in the input."""
    told = (UserError(each.code, each.message, ("input", *map(str, in_input(each.path)))) for each in problems)
    return list(dict.fromkeys(told))


def _in_input(path: ProblemPath) -> ProblemPath:
    # The one revision of an entityRevise is the input itself.
    return path[2:] if path[:1] == ("revisions",) else path
