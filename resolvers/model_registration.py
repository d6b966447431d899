"""Registration of model versions under consecutive numbers.

The number is the version of an entity, and so part of an immutable identity. Where two registrations try the same
number, the store records the first and refuses the other, whose content differs; that one tries the next number. So no
number is shared, on any engine and by any number of processes.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from strawberry import UNSET

from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, Recorded
from lineal.graphstore.checks import checked_urns
from lineal.graphstore.errors import BatchRefused, Problem, ProblemCode, Unavailable
from lineal.graphstore.kinds import AssociationType, EntityKind, PropertyType
from lineal.graphstore.records import Entity
from lineal.graphstore.urns import entity_id, make_urn
from lineal.graphstore.values import Property
from lineal.resolvers.context import Context
from lineal.resolvers.idempotency import recorded_by_batch
from lineal.resolvers.process_locks import process_lock
from lineal.resolvers.recording import (
    ProblemPath,
    UserError,
    idempotency_of,
    input_properties,
    sized_fingerprint,
    user_errors_at,
)
from lineal.resolvers.references import is_readable, named, ref_id, referenced_groups
from lineal.resolvers.version_numbers import next_number
from lineal.resolvers.write_permissions import WriteAuthorization

REGISTRATION: Final = "registration"
"""Key of the property that holds random bits, so that no two registrations have the same content."""
MOST_TRIES: Final = 100
"""How many numbers a registration tries before it is refused."""


@dataclass(frozen=True, slots=True)
class VersionRegistered:
    """Result of modelVersionRegister."""

    model_version: Entity | None = None
    is_new: bool = False
    user_errors: Sequence[UserError] = ()


async def model_version_register(context: Context, input: Any) -> VersionRegistered:
    """Register a model as the next version of a group."""
    try:
        group = await _group_of(context, input.group)
        properties = input_properties(input.properties)
        version = NewEntity(
            group.account,
            EntityKind.MODEL_VERSION,
            group.name,
            "1",
            description=input.description,
            properties=properties,
            tags=tuple(input.tags or ()),
            occurred_at=input.occurred_at,
        )
        _refuse_registration_key(properties)
        checked_urns(Batch((version,)))
        async with process_lock(context.store, "register", group.account, group.name):
            done = await _registered(context, group, version, input.model, input.idempotency_key)
        if done is None:
            raise Unavailable(
                f"other registrations in the group {group.name[:64]!r} took all {MOST_TRIES} numbers that this one "
                "tried, and nothing was written: send it again"
            )
        entity = done.entities[0]
        if input.idempotency_key is not None:
            entity = await recorded_by_batch(context, version, done)
    except BatchRefused as refused:
        return VersionRegistered(user_errors=user_errors_at(refused.problems, _in_registration))
    return VersionRegistered(entity, done.entities_are_new[0])


async def _group_of(context: Context, ref: Any) -> NewEntity:
    """The model group of a reference. One referred to by name need not be recorded yet."""
    if ref.name is not UNSET:
        return NewEntity(context.principal.account, EntityKind.MODEL_GROUP, ref.name)
    group = await named(context, ref, EntityKind.MODEL_GROUP, "group")
    return NewEntity(group.account, group.kind, group.name, group.version)


def _refuse_registration_key(properties: Sequence[Property]) -> None:
    for index, property in enumerate(properties):
        if property.key == REGISTRATION:
            sentence = f"The property key {REGISTRATION} is reserved: use another key."
            raise BatchRefused((Problem(ProblemCode.INVALID_VALUE, sentence, ("properties", index, "key")),))


async def _registered(
    context: Context, group: NewEntity, version: NewEntity, model_ref: Any, key: str | None
) -> Recorded | None:
    group_id = entity_id(_urn(group))
    for _ in range(MOST_TRIES):
        number, groups_by_id = await next_number(context, version, [ref_id(model_ref, "model"), group_id])
        model = await referenced_groups(context, groups_by_id, model_ref, EntityKind.MODEL, "model")
        mark = Property(REGISTRATION, PropertyType.STRING, secrets.token_urlsafe(16))
        numbered = replace(version, version=str(number), properties=(*version.properties, mark))
        # A recorded group that the caller may not read is refused like any entity that is recorded again.
        batch = _registration(numbered, group, model.urn, has_group=is_readable(context, groups_by_id.get(group_id)))
        authorization = await WriteAuthorization.of(context, batch, checked_urns(batch), groups_by_id)
        # The fingerprint leaves out the number and the random bits, which differ when the request is repeated.
        fingerprint = sized_fingerprint(
            "modelVersionRegister", _registration(version, group, model.urn, has_group=True)
        )
        try:
            return await context.store.record(
                batch,
                by=context.principal.shown,
                idempotency=idempotency_of(key, fingerprint),
                returning=context.view().scope,
                audit=authorization.audit,
            )
        except BatchRefused as refused:
            if {problem.code for problem in refused.problems} != {ProblemCode.IMMUTABLE_CONFLICT}:
                raise
    return None


def _registration(version: NewEntity, group: NewEntity, model: str, *, has_group: bool) -> Batch:
    urn, at, tied = _urn(version), version.occurred_at, AssociationType.ASSOCIATED_WITH
    ties = [NewAssociation(end, urn, tied, occurred_at=at) for end in (_urn(group), model)]
    return Batch((version,) if has_group else (version, replace(group, occurred_at=at)), tuple(ties))


def _urn(entity: NewEntity) -> str:
    return make_urn(entity.account, entity.kind, entity.name, entity.version)


def _in_registration(path: ProblemPath) -> ProblemPath:
    match path:
        case ("entities", 0, "name", *_) | ("entities", 1, *_) | ("associations", 0, "source"):
            return ("group",)
        case ("associations", 1, "source"):
            return ("model",)
        case ("entities", 0, *rest):
            return tuple(rest)
        case ("associations", *_):
            return ()
    return path
