"""Why a principal may, or may not, do something on an entity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lineal.auth.access_service import microseconds
from lineal.auth.decisions import GroupExplanation
from lineal.auth.directive import Forbidden
from lineal.auth.explanation import explain
from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal
from lineal.auth.records import LineageGroup
from lineal.auth.scopes import default_group
from lineal.graphstore.urns import entity_id
from lineal.resolvers.context import Context


@dataclass(frozen=True, slots=True)
class GroupExplained:
    """What one group says of a question."""

    group: LineageGroup
    is_allowed: bool
    is_forbidden: bool
    policies: Sequence[str]
    shares: Sequence[str]
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class Explained:
    """Whether something may be done, and what each group says of it."""

    is_allowed: bool
    groups: Sequence[GroupExplained]
    reasons: Sequence[str]


async def explained(context: Context, principal: Any, action: Permission, entity: Any) -> Explained | None:
    """Why a principal may, or may not, do something on an entity; None where the caller may not know of that.

    Raises Forbidden where the caller may read it, and does not administer its account.
    """
    id = entity_id(entity.urn) if entity.urn else str(entity.id)
    place = await context.loaders.entity_groups.load(id)
    owner = context.principal.account if place is None else place.account
    administers = context.holds_on(Permission.ADMINISTER, default_group(owner))
    if place is None or not administers:
        # As anything else asked for by name, under a scope.
        if await context.loaders.entity.load((context.view(), id)) is None:
            context.missed([id])
            return None
        needed = Permission.ADMINISTER.shown
        raise Forbidden(f"Explaining needs {needed} on the account of the entity: ask one of its administrators.")
    who = Principal(principal.account, principal.name, frozenset(principal.roles or ()))
    asked = (Permission(action), place.groups, place.kind, microseconds())
    told = explain(context.snapshot, who, *asked)
    groups = [_group(context, each) for each in told.groups]
    groups.sort(key=lambda each: (not each.group.is_default, each.group.name))
    return Explained(told.is_allowed, groups, told.reasons)


def _group(context: Context, told: GroupExplanation) -> GroupExplained:
    group = context.snapshot.groups[told.group]
    return GroupExplained(group, told.is_allowed, told.is_forbidden, told.policies, told.shares, told.reasons)
