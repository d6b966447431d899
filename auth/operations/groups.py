"""Operations that create and change lineage groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lineal.auth.access_codec import document
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.access_store import AccessChange, AuditEntry, Membership
from lineal.auth.authorizer import Authorizer
from lineal.auth.names import printable
from lineal.auth.operations.base import (
    Attempt,
    Operation,
    Plan,
    RefusalCode,
    Refused,
    checked_count,
    checked_name,
    new_id,
)
from lineal.auth.permissions import Permission
from lineal.auth.records import LineageGroup
from lineal.auth.scopes import Boundary, default_group

MAX_ENTITIES: Final = 1_000
"""Largest number of entities that join, or leave, a group at once."""


@dataclass(frozen=True, slots=True)
class GroupChange:
    """A change of a group; None leaves a field as it is. `adds` and `removes` are entity ids.

    `owners`: the account of every one of these entities that exists and that the caller may read, by id.
    """

    name: str | None = None
    boundary: Boundary | None = None
    unsets_boundary: bool = False
    tells_withheld: bool | None = None
    adds: Sequence[str] = ()
    removes: Sequence[str] = ()
    owners: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    """By id, what messages call an entity; its id where it is missing."""


def create_group(
    name: str, *, account: str | None = None, change: GroupChange = GroupChange()
) -> Operation[LineageGroup]:
    """Create a group in an account, the caller's account by default, with an empty policy, which permits nothing.

    `change` holds its other fields and first entities. Needs SHARE on the account's default group. Refused with
    INVALID_VALUE, TOO_LARGE, NOT_FOUND, FORBIDDEN, or CONFLICT if the account has a group of that name.
    """

    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[LineageGroup]:
        owner = authorizer.principal.account if account is None else account
        id = new_id()
        attempt = Attempt(
            authorizer, "lineageGroupCreate", "ACCOUNT", owner, (owner,) if owner in snapshot.accounts else ()
        )
        if not authorizer.sees_account(owner):
            raise attempt.missing(f"There is no account {printable(owner)}: it must be registered first.", ("account",))
        entry = _demand_share(attempt, owner)
        group = LineageGroup(id, owner, name, False, "", None, False, now, authorizer.principal.shown)
        return _changed(snapshot, group, replace(change, name=name), replace(entry, resource_kind="GROUP", resource=id))

    return plan


def change_group(id: str, change: GroupChange) -> Operation[LineageGroup]:
    """Change a group's name, boundary, `tells_withheld` and entities.

    Needs SHARE on its account's default group. A default group keeps its name and entities. Refused with
    INVALID_VALUE, TOO_LARGE, NOT_FOUND, FORBIDDEN or CONFLICT.
    """

    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[LineageGroup]:
        group = snapshot.groups.get(id)
        attempt = Attempt(authorizer, "lineageGroupChange", "GROUP", id, () if group is None else (group.account,))
        if group is None or not authorizer.sees_group(id):
            raise attempt.missing(f"There is no lineage group {printable(id)}.", ("id",))
        return _changed(snapshot, group, change, _demand_share(attempt, group.account))

    return plan


def _demand_share(attempt: Attempt, account: str) -> AuditEntry:
    decision = attempt.authorizer.decide(Permission.SHARE, [default_group(account)])
    return attempt.demand(decision, f"This needs {Permission.SHARE.shown} on the default group of account {account}.")


def _changed(
    snapshot: AccessSnapshot, group: LineageGroup, change: GroupChange, entry: AuditEntry
) -> Plan[LineageGroup]:
    if group.is_default and (change.name is not None or change.adds or change.removes):
        message = "A default group keeps its name and holds all entities of its account for ever: make another group."
        raise Refused(RefusalCode.INVALID_VALUE, message)
    if change.name is not None:
        checked_name(change.name, "The group's name", "name")
        _check_unused(snapshot, group, change.name)
    if change.boundary is not None and change.unsets_boundary:
        raise Refused(RefusalCode.INVALID_VALUE, "A boundary is either set or unset: leave one out.", ("boundary",))
    changed = replace(
        group,
        name=group.name if change.name is None else change.name,
        boundary=None if change.unsets_boundary else change.boundary or group.boundary,
        tells_withheld=group.tells_withheld if change.tells_withheld is None else change.tells_withheld,
    )
    documents = () if snapshot.groups.get(group.id) == changed else (document(changed),)
    joins = _members(group, change.adds, change, "addEntities")
    leaves = _members(group, change.removes, change, "removeEntities")
    both = {member.entity for member in joins} & {member.entity for member in leaves}
    if both:
        message = f"Entity {change.shown.get(min(both), min(both))} cannot both join and leave: name it in one list."
        raise Refused(RefusalCode.INVALID_VALUE, message, ("removeEntities",))
    return Plan(AccessChange(documents, joins, leaves, (entry,)), changed)


def _check_unused(snapshot: AccessSnapshot, group: LineageGroup, name: str) -> None:
    if any(other.name == name and other.id != group.id for other in snapshot.groups_of(group.account)):
        message = f"Account {group.account} has a group named {name} already: choose another name."
        raise Refused(RefusalCode.CONFLICT, message, ("name",))


def _members(
    group: LineageGroup, entities: Sequence[str], change: GroupChange, argument: str
) -> tuple[Membership, ...]:
    checked_count(len(entities), MAX_ENTITIES, "entities", argument)
    for place, entity in enumerate(entities):
        shown = change.shown.get(entity, entity)
        if entity not in change.owners:
            raise Refused(RefusalCode.NOT_FOUND, f"There is no entity {printable(shown)}.", (argument, place))
        if change.owners[entity] != group.account:
            message = (
                f"Entity {shown} is not of account {group.account}: a group holds its own account's entities only."
            )
            raise Refused(RefusalCode.INVALID_VALUE, message, (argument, place))
    return tuple(Membership(group.id, entity) for entity in dict.fromkeys(entities))
