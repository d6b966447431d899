"""Making and revoking API keys."""

from dataclasses import dataclass, field, replace
from typing import Final

from lineal.auth.access import Access
from lineal.auth.access_codec import document
from lineal.auth.access_snapshot import Directory
from lineal.auth.access_store import AccessChange
from lineal.auth.keys import key_hash, new_key
from lineal.auth.names import told
from lineal.auth.operations.base import Asked, Operation, Planned, RefusalCode, Refused, checked_count, checked_name
from lineal.auth.permissions import Permission
from lineal.auth.records import ApiKey

MAX_ROLES: Final = 100
"""The most roles a key has."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was made, and its text, which is told once and kept nowhere: empty where it was made before."""

    key: ApiKey
    text: str = field(repr=False)


def create_key(
    name: str,
    *,
    account: str | None = None,
    roles: frozenset[str] = frozenset(),
    permissions: frozenset[Permission] | None = None,
    expires_at: int | None = None,
) -> Operation[NewKey]:
    """Make a key by which a principal of an account, the caller's by default, is known.

    `permissions` limit it; a caller that is limited itself can only make keys at least as limited. For administrators
    of the account, and of operator accounts. Refused with INVALID_VALUE, TOO_LARGE, NOT_FOUND or FORBIDDEN.
    """

    def plan(directory: Directory, access: Access, now: int) -> Planned[NewKey]:
        owner = access.principal.account if account is None else account
        asked = Asked(access, "apiKeyCreate", "ACCOUNT", owner, (owner,) if owner in directory.accounts else ())
        if not access.sees_account(owner):
            raise asked.missing(f"There is no account {told(owner)}: it must be registered first.", ("account",))
        allowed = asked.demand(
            access.over_keys(owner),
            f"Making keys for account {owner} needs {Permission.ADMINISTER.shown} on its default group, as one of its "
            "own principals.",
        )
        checked_name(name, "The key's name", "name")
        checked_count(len(roles), MAX_ROLES, "roles", "roles")
        for place, role in enumerate(sorted(roles)):
            checked_name(role, "A role's name", "roles", place)
        _check_limits(access, permissions)
        if expires_at is not None and expires_at <= now:
            raise Refused(
                RefusalCode.INVALID_VALUE, "The key would expire in the past: give a later time.", ("expiresAt",)
            )
        id, text = new_key()
        hashed = key_hash(text, directory.secrets.keys)
        key = ApiKey(id, owner, name, roles, permissions, hashed, expires_at, now, access.principal.shown)
        return Planned(
            AccessChange((document(key),), audit=(replace(allowed, resource_kind="KEY", resource=id),)),
            NewKey(key, text),
        )

    return plan


def _check_limits(access: Access, permissions: frozenset[Permission] | None) -> None:
    if permissions is not None and not permissions:
        message = "A key limited to no permission could do nothing: name some, or leave permissions out."
        raise Refused(RefusalCode.INVALID_VALUE, message, ("permissions",))
    mine = access.principal.permissions
    if mine is not None and not (permissions is not None and permissions <= mine):
        listed = ", ".join(sorted(mine))
        message = f"Your own key is limited to {listed}: limit the new one to some of these."
        raise Refused(RefusalCode.INVALID_VALUE, message, ("permissions",))


def revoke_key(id: str) -> Operation[ApiKey]:
    """Make a key useless, at once; one that is already revoked stays as it is.

    For administrators of its account, and of operator accounts. Refused with NOT_FOUND.
    """

    def plan(directory: Directory, access: Access, now: int) -> Planned[ApiKey]:
        key = directory.keys.get(id)
        asked = Asked(access, "apiKeyRevoke", "KEY", id, () if key is None else (key.account,))
        decision = None if key is None else access.over_keys(key.account)
        if key is None or decision is None or not decision.is_allowed:
            raise asked.missing(f"There is no API key {told(id)} that you may revoke.", ("id",))
        if key.revoked_at is not None:
            return Planned(AccessChange(audit=(asked.entry(decision),)), key)
        revoked = replace(key, revoked_at=now, revoked_by=access.principal.shown)
        return Planned(AccessChange((document(revoked),), audit=(asked.entry(decision),)), revoked)

    return plan
