"""Recording and revising entities: inputs become one batch."""

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
"""Path of a problem in a batch or in an input."""
MOST_PARTS: Final = 1000
"""Greatest number of entities, and of associations, of a batch."""
MOST_BYTES: Final = 8 * 1024 * 1024
"""Greatest size of the digest forms of a batch together, in bytes."""


@dataclass(frozen=True, slots=True)
class UserError:
    """A reason why nothing was written."""

    code: ProblemCode
    message: str
    path: Sequence[str]


@dataclass(frozen=True, slots=True)
class RecordedEntity:
    """An entity as it is now, None where the caller may not read it, and whether this request wrote it."""

    entity: Entity | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class RecordedAssociation:
    """An association as it is now, None where the caller may not see it, and whether this request wrote it."""

    association: Association | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class LineageRecorded:
    """Result of lineageRecord."""

    entities: Sequence[RecordedEntity] = ()
    associations: Sequence[RecordedAssociation] = ()
    user_errors: Sequence[UserError] = ()


@dataclass(frozen=True, slots=True)
class EntityRevised:
    """Result of entityRevise."""

    entity: Entity | None = None
    revision: Revision | None = None
    is_new: bool = False
    user_errors: Sequence[UserError] = ()


async def lineage_record(context: Context, input: Any) -> LineageRecorded:
    """Record a batch: all of it or nothing."""
    authorization = None
    try:
        entities, urns = await context.compute(_new_entities, context, input)
        refs = Refs(context, urns)
        await refs.look_up(
            [ref for association in input.associations or () for ref in (association.source, association.destination)]
        )
        batch = await context.compute(_checked_batch, entities, refs, input)
        authorization = await WriteAuthorization.of(context, batch, urns, refs.groups_by_id)
        fingerprint = await context.compute(sized_fingerprint, "lineageRecord", batch)
        key = idempotency_of(input.idempotency_key, fingerprint)
        scope = context.view().scope
        done = await context.store.record(
            batch, by=context.principal.shown, idempotency=key, returning=scope, audit=authorization.audit
        )
        await _register_accounts(context, batch)
    except BatchRefused as refused:
        return LineageRecorded(user_errors=_user_errors(refused, authorization))
    return LineageRecorded(
        [RecordedEntity(*pair) for pair in zip(done.entities, done.entities_are_new, strict=True)],
        [RecordedAssociation(*pair) for pair in zip(done.associations, done.associations_are_new, strict=True)],
    )


async def _register_accounts(context: Context, batch: Batch) -> None:
    """In development mode, register the accounts of recorded entities, so that they have default groups."""
    if context.is_dev:
        for account in sorted({entity.account for entity in batch.entities} - context.snapshot.accounts.keys()):
            await context.register(account)


def _new_entities(context: Context, input: Any) -> tuple[tuple[NewEntity, ...], list[str]]:
    """The entities of a lineageRecord and their urns. Raises BatchRefused."""
    entities = tuple(_new_entity(context, entity) for entity in input.entities or ())
    _refuse_too_many("entities", entities)
    _refuse_too_many("associations", input.associations or ())
    return entities, checked_urns(Batch(entities))


def _checked_batch(entities: tuple[NewEntity, ...], refs: Refs, input: Any) -> Batch:
    """The batch of a lineageRecord, its references looked up. Raises BatchRefused."""
    associations = tuple(
        _new_association(refs, association, ("associations", index))
        for index, association in enumerate(input.associations or ())
    )
    refs.refuse()
    batch = Batch(entities, associations)
    checked_urns(batch)
    return batch


async def entity_revise(context: Context, input: Any) -> EntityRevised:
    """Append one revision."""
    authorization = None
    try:
        refs = Refs(context, [])
        await refs.look_up([ref for ref in (input.entity, input.superseded_by) if ref is not None])
        revision = NewRevision(
            refs.urn(input.entity, ("revisions", 0, "entity")),
            input.status and EntityStatus(input.status),
            None if input.tags is None else tuple(input.tags),
            input.description,
            input_properties(input.properties),
            tuple(input.removed or ()),
            None if input.superseded_by is None else refs.urn(input.superseded_by, ("revisions", 0, "supersededBy")),
            input.occurred_at,
            title=input.title,
        )
        refs.refuse()
        if revision.is_sighting and revision.occurred_at is None:
            sentence = (
                "The revision changes nothing: give status, tags, description, title, properties, removed or "
                "supersededBy, or only occurredAt, which says that the entity existed at that time."
            )
            raise BatchRefused((Problem(ProblemCode.INVALID_VALUE, sentence),))
        batch = Batch(revisions=(revision,))
        checked_urns(batch)
        authorization = await WriteAuthorization.of(context, batch, (), refs.groups_by_id)
        key = idempotency_of(input.idempotency_key, sized_fingerprint("entityRevise", batch))
        scope = context.view().scope
        done = await context.store.record(
            batch, by=context.principal.shown, idempotency=key, returning=scope, audit=authorization.audit
        )
    except BatchRefused as refused:
        return EntityRevised(user_errors=_user_errors(refused, authorization))
    appended = done.revisions[0]
    as_of = AsOf((await context.store.newest()).recorded_at) if appended is None else appended.view.as_of
    (entity,) = await context.store.entities(View(scope, as_of), [entity_id(revision.entity)])
    return EntityRevised(entity, appended, done.revisions_are_new[0])


def _new_entity(context: Context, input: Any) -> NewEntity:
    return NewEntity(
        input.account if input.account is not None else context.principal.account,
        EntityKind(input.kind),
        input.name,
        input.version,
        input.type,
        input.description,
        input.status and EntityStatus(input.status),
        _source(input.source),
        tuple(input.tags or ()),
        input_properties(input.properties),
        input.occurred_at,
        input.title,
    )


def _source(input: Any) -> Source | None:
    if input is None:
        return None
    ids = tuple(SourceId(SourceIdType(id.type), id.value) for id in input.ids or ())
    return Source(input.uri, input.type, ids)


def _new_association(refs: Refs, input: Any, path: tuple[str | int, ...]) -> NewAssociation:
    return NewAssociation(
        refs.urn(input.source, (*path, "source")),
        refs.urn(input.destination, (*path, "destination")),
        AssociationType(input.type),
        input.role,
        input_properties(input.properties),
        input.occurred_at,
    )


def input_properties(input: Sequence[Any] | None) -> tuple[Property, ...]:
    """The properties of a list of PropertyInput. Raises BadInput on an invalid integer."""
    return tuple(_property(property.key, property.value) for property in input or ())


_INPUTS: Final = {
    "string": PropertyType.STRING,
    "int": PropertyType.INTEGER,
    "float": PropertyType.FLOAT,
    "boolean": PropertyType.BOOLEAN,
    "timestamp": PropertyType.TIMESTAMP,
    "json": PropertyType.JSON,
}


def _property(key: str, input: Any) -> Property:
    # The input is @oneOf: exactly one of its fields is there, and is not null.
    name = next(name for name in _INPUTS if getattr(input, f"{name}_value") is not UNSET)
    value: Json = getattr(input, f"{name}_value")
    if name == "int":
        value = integer(f"property {key[:64]!r}: int", value)
    elif name == "float":
        value = float(value)  # type: ignore[arg-type]
    return Property(key, _INPUTS[name], value)


def integer(name: str, value: Json) -> int:
    """A 64-bit integer from a JSON number or a decimal string (from clients whose numbers are less precise).

    Raises BadInput with a message about `name`.
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
    """A digest of everything that a request records. Raises BatchRefused where that is too large."""
    forms: list[dict[str, object]] = [entity_form(entity) for entity in batch.entities]
    forms += [association_form(association) for association in batch.associations]
    for revision in batch.revisions:
        when = None if revision.occurred_at is None else str(revision.occurred_at)
        removed = sorted(revision.removed)
        forms.append({"of": revision.entity, "set": revision_set_form(revision), "removed": removed, "at": when})
    for (entity, metric), series in groupby(batch.observations, key=lambda each: (each.entity, each.metric)):
        values = [_observation_form(each) for each in series]
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


def _observation_form(observation: NewObservation) -> str:
    return f"{observation.step} {observation.occurred_at} {format_float(observation.value)}"


def idempotency_of(key: str | None, fingerprint: str) -> Idempotency | None:
    """The idempotency of a request with a key; None without one. Raises BadInput."""
    return None if key is None else Idempotency(checked_key(key), fingerprint)


def _user_errors(refused: BatchRefused, authorization: WriteAuthorization | None) -> list[UserError]:
    problems = refused.problems if authorization is None else tuple(map(authorization.shown_problem, refused.problems))
    return user_errors_at(problems, _in_input)


def user_errors_at(problems: Sequence[Problem], in_input: Callable[[ProblemPath], ProblemPath]) -> list[UserError]:
    """Distinct errors for problems, with their paths in the input, which `in_input` derives from those in the batch."""
    errors = (
        UserError(problem.code, problem.message, ("input", *map(str, in_input(problem.path)))) for problem in problems
    )
    return list(dict.fromkeys(errors))


def _in_input(path: ProblemPath) -> ProblemPath:
    # The one revision of an entityRevise is the input itself.
    return path[2:] if path[:1] == ("revisions",) else path
