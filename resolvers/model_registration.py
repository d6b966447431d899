"""Registering model versions under numbers.

A number is an identity, and identities are immutable: of two registrations that try the same, the store records the
first and refuses the other, whose content differs, and which takes the next. So numbers are never shared, on any engine
and among any number of processes.
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
from lineal.resolvers.process_locks import turn
from lineal.resolvers.recording import (
    ProblemPath,
    UserError,
    given_properties,
    idempotency_of,
    sized_fingerprint,
    user_errors_at,
)
from lineal.resolvers.references import is_readable, named, ref_id, standing
from lineal.resolvers.version_numbers import next_number
from lineal.resolvers.write_permissions import WriteAuthorization

REGISTRATION: Final = "registration"
"""The property whose value tells a registration from every other."""
MOST_TRIES: Final = 100
"""How many numbers one registration tries to have before it is refused."""


@dataclass(frozen=True, slots=True)
class VersionRegistered:
    """What became of a modelVersionRegister."""

    model_version: Entity | None = None
    is_new: bool = False
    user_errors: Sequence[UserError] = ()


async def model_version_register(context: Context, given: Any) -> VersionRegistered:
    """Register a model in a group, under the next number."""
    try:
        group = await _group_of(context, given.group)
        properties = given_properties(given.properties)
        version = NewEntity(
            group.account,
            EntityKind.MODEL_VERSION,
            group.name,
            "1",
            description=given.description,
            properties=properties,
            tags=tuple(given.tags or ()),
            occurred_at=given.occurred_at,
        )
        _refuse_registration_key(properties)
        checked_urns(Batch((version,)))
        async with turn(context.store, "register", group.account, group.name):
            done = await _registered(context, group, version, given.model, given.idempotency_key)
        if done is None:
            raise Unavailable(
                f"others register in the group {group.name[:64]!r} so fast that no number was to be had, and nothing "
                "was written: send it again"
            )
        entity = done.entities[0]
        if given.idempotency_key is not None:
            entity = await recorded_by_batch(context, version, done)
    except BatchRefused as refused:
        return VersionRegistered(user_errors=user_errors_at(refused.problems, _in_registration))
    return VersionRegistered(entity, done.entities_are_new[0])


async def _group_of(context: Context, ref: Any) -> NewEntity:
    """A group; where it is given by its name, it need not stand."""
    if ref.name is not UNSET:
        return NewEntity(context.principal.account, EntityKind.MODEL_GROUP, ref.name)
    found = await named(context, ref, EntityKind.MODEL_GROUP, "group")
    return NewEntity(found.account, found.kind, found.name, found.version)


def _refuse_registration_key(properties: Sequence[Property]) -> None:
    for index, property in enumerate(properties):
        if property.key == REGISTRATION:
            sentence = f"The property {REGISTRATION} tells registrations apart: give yours another key."
            raise BatchRefused((Problem(ProblemCode.INVALID_VALUE, sentence, ("properties", index, "key")),))


async def _registered(
    context: Context, group: NewEntity, version: NewEntity, model_ref: Any, key: str | None
) -> Recorded | None:
    group_id = entity_id(_urn(group))
    for _ in range(MOST_TRIES):
        number, places = await next_number(context, version, [ref_id(model_ref), group_id])
        model = standing(context, places, model_ref, EntityKind.MODEL, "model")
        mark = Property(REGISTRATION, PropertyType.STRING, secrets.token_urlsafe(16))
        made = replace(version, version=str(number), properties=(*version.properties, mark))
        # A group that stands and may not be read is refused as one that is recorded again.
        batch = _registration(made, group, model.urn, has_group=is_readable(context, places.get(group_id)))
        permit = await WriteAuthorization.asked(context, batch, checked_urns(batch), places)
        # What the request is known by holds nothing that differs between two sendings of it.
        asked = sized_fingerprint("modelVersionRegister", _registration(version, group, model.urn, has_group=True))
        try:
            return await context.store.record(
                batch,
                by=context.principal.shown,
                idempotency=idempotency_of(key, asked),
                returning=context.view().scope,
                audit=permit.audit,
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
