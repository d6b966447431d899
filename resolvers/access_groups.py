"""The caller, and the lineage groups that it may know of."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, fields

from lineal.auth.directive import checked
from lineal.auth.permissions import Permission, in_order
from lineal.auth.records import InvitationState, LineageGroup
from lineal.auth.scopes import default_group
from lineal.graphstore.queries import EntityFilter, EntityPosition, Find
from lineal.graphstore.records import Entity, Restricted, View
from lineal.resolvers.access_pages import listed
from lineal.resolvers.access_shares import invitations_of
from lineal.resolvers.context import Context
from lineal.resolvers.cursors import as_of_cursor
from lineal.resolvers.pages import MOST, NOTHING, Connection, checked_first, connection


@dataclass(frozen=True, slots=True)
class Viewer:
    """The caller. `principal` is `account/name`.

    `permissions` are those on the default group of its account. `limited_to` None: no API key limits it.
    """

    principal: str
    account: str
    roles: Sequence[str]
    permissions: Sequence[Permission]
    limited_to: Sequence[Permission] | None
    pending_invitations: int


@dataclass(frozen=True, slots=True)
class GroupOf(LineageGroup):
    """A group of an entity. The group's entities are read in the view of that entity."""

    view: View

    @classmethod
    def in_view(cls, group: LineageGroup, view: View) -> "GroupOf":
        """Return the group in the view of an entity."""
        return cls(**{each.name: getattr(group, each.name) for each in fields(group)}, view=view)


def viewer(context: Context) -> Viewer:
    """Return the caller with its permissions on its own account."""
    principal = context.principal
    pending = [invitation for invitation in invitations_of(context) if invitation.state is InvitationState.PENDING]
    limited_to = None if principal.permissions is None else in_order(principal.permissions)
    on_own_account = in_order(permission for permission in Permission if context.holds(permission))
    roles = sorted(principal.roles)
    return Viewer(principal.shown, principal.account, roles, on_own_account, limited_to, len(pending))


async def lineage_groups(context: Context, first: int | None, after: str | None) -> Connection[LineageGroup]:
    """Return the groups of the caller's account, and those of others that allow it something or are offered to it."""
    checked(Permission.READ)
    if context.is_dev:
        await _register_accounts(context)
    seen = await asyncio.to_thread(context.authorizer.visible_groups)
    return listed(context, "lineageGroups", ((group.name, group.id, group) for group in seen), first, after)


async def _register_accounts(context: Context) -> None:
    """In development mode, register the accounts of entities that were recorded without a server."""
    for _ in range(MOST):
        others = EntityFilter(not_=EntityFilter(account=tuple(context.snapshot.accounts)))
        (page,) = await context.store.find([Find(context.view(), others, first=1)])
        if not page.items:
            return
        await context.register(page.items[0].account)


def lineage_group(context: Context, id: str) -> LineageGroup | None:
    """Return the group of an id; None if the caller may know of none."""
    return context.snapshot.groups[id] if _sees(context, id) else None


async def groups_of(context: Context, entity: Entity | Restricted) -> list[LineageGroup]:
    """Return the groups of an entity that the caller may know of: the default group first, then by name."""
    checked(Permission.READ)
    if context.is_dev and isinstance(entity, Entity) and entity.account not in context.snapshot.accounts:
        await context.register(entity.account)
    loaded = None if isinstance(entity, Restricted) else await context.loaders.entity_groups.load(entity.id)
    groups = [context.snapshot.groups[id] for id in (loaded.groups if loaded else ()) if _sees(context, id)]
    in_order = sorted(groups, key=lambda group: (not group.is_default, group.name, group.id))
    return [GroupOf.in_view(group, entity.view) for group in in_order]


def _sees(context: Context, id: str) -> bool:
    checked(Permission.READ)
    return context.authorizer.sees_group(id)


def permissions_on(context: Context, group: LineageGroup) -> list[Permission]:
    """Return the permissions that the caller holds on a group or on some of its entities."""
    return in_order(context.authorizer.permissions(group.id))


def policy_of(group: LineageGroup) -> str:
    """Return the policy of a group. The field's guard checks the permission."""
    return group.policy


def administers(context: Context, permission: Permission, group: LineageGroup) -> bool:
    """Whether the caller holds a permission on the default group of a group's account."""
    return context.holds_on(permission, default_group(group.account))


async def entities_in(
    context: Context, group: LineageGroup, first: int | None, after: str | None
) -> Connection[Entity]:
    """Return the entities of a group that the caller may read, by URN."""
    if not _sees(context, group.id):
        return NOTHING
    view = context.nested(group.view) if isinstance(group, GroupOf) else context.view()
    position = None
    cursors = context.cursors("entitiesIn", view, group.id)
    if after is not None:
        cursors, position = cursors.read(after, EntityPosition)
        view = as_of_cursor(view, cursors)
    size = checked_first(first, 20, MOST)
    if group.is_default:
        question = Find(view, EntityFilter(account=(group.account,)), first=size, after=position)
    else:
        question = Find(view, first=size, after=position, within=group.id)
    page = await context.loaders.find.load(question)
    return connection(
        page.items,
        lambda entity: cursors.make(EntityPosition(entity.urn)),
        page.has_next,
        page.total,
        page.counts,
    )
