"""Explanations of access to an entity."""

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
from lineal.resolvers.context import Context
from lineal.resolvers.references import id_argument


@dataclass(frozen=True, slots=True)
class GroupExplained:
    """The decision of one group."""

    group: LineageGroup
    is_allowed: bool
    is_forbidden: bool
    policies: Sequence[str]
    shares: Sequence[str]
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision with those of the entity's groups."""

    is_allowed: bool
    groups: Sequence[GroupExplained]
    reasons: Sequence[str]


async def explained(context: Context, principal: Any, action: Permission, entity: Any) -> Explained | None:
    """Explain whether a principal may do something on an entity; None if the caller may not know of the entity.

    Raises Forbidden if the caller may read the entity but does not administer its account.
    """
    id = id_argument(entity)
    groups = await context.loaders.entity_groups.load(id)
    owner = context.principal.account if groups is None else groups.account
    administers = context.holds_on(Permission.ADMINISTER, default_group(owner))
    if groups is None or not administers:
        # The entity must look absent unless the caller may read it.
        if await context.loaders.entity.load((context.view(), id)) is None:
            context.missed([id])
            return None
        needed = Permission.ADMINISTER.shown
        raise Forbidden(f"Explaining needs {needed} on the account of the entity: ask one of its administrators.")
    subject = Principal(principal.account, principal.name, frozenset(principal.roles or ()))
    permission = Permission(action)
    explanation = explain(context.snapshot, subject, permission, groups.groups, groups.kind, microseconds())
    explained_groups = [_group(context, decision) for decision in explanation.groups]
    explained_groups.sort(key=lambda decision: (not decision.group.is_default, decision.group.name))
    return Explained(explanation.is_allowed, explained_groups, explanation.reasons)


def _group(context: Context, decided: GroupExplanation) -> GroupExplained:
    group = context.snapshot.groups[decided.group]
    return GroupExplained(
        group, decided.is_allowed, decided.is_forbidden, decided.policies, decided.shares, decided.reasons
    )
