"""Operations that create and revoke API keys."""

from dataclasses import dataclass, field, replace
from typing import Final

from lineal.auth.access_codec import document
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.access_store import AccessChange
from lineal.auth.authorizer import Authorizer
from lineal.auth.keys import key_hash, new_key
from lineal.auth.names import printable
from lineal.auth.operations.base import Attempt, Operation, Plan, RefusalCode, Refused, checked_count, checked_name
from lineal.auth.permissions import Permission
from lineal.auth.records import ApiKey

MAX_ROLES: Final = 100
"""Largest number of roles of a key."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A created key and its text, which is never stored: empty for a repeated request."""

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
    """Create a key that authenticates a principal of an account, the caller's account by default.

    `permissions` limit the key. A caller whose own key is limited can only create keys at least as limited. Needs an
    administrator of the account or of an operator account. Refused with INVALID_VALUE, TOO_LARGE, NOT_FOUND or
    FORBIDDEN.
    """

    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[NewKey]:
        owner = authorizer.principal.account if account is None else account
        attempt = Attempt(authorizer, "apiKeyCreate", "ACCOUNT", owner, (owner,) if owner in snapshot.accounts else ())
        if not authorizer.sees_account(owner):
            raise attempt.missing(f"There is no account {printable(owner)}: it must be registered first.", ("account",))
        entry = attempt.demand(
            authorizer.decide_on_keys(owner),
            f"Making keys for account {owner} needs {Permission.ADMINISTER.shown} on its default group, as one of its "
            "own principals.",
        )
        checked_name(name, "The key's name", "name")
        checked_count(len(roles), MAX_ROLES, "roles", "roles")
        for place, role in enumerate(sorted(roles)):
            checked_name(role, "A role's name", "roles", place)
        _check_limits(authorizer, permissions)
        if expires_at is not None and expires_at <= now:
            raise Refused(
                RefusalCode.INVALID_VALUE, "The key would expire in the past: give a later time.", ("expiresAt",)
            )
        id, text = new_key()
        hashed = key_hash(text, snapshot.secrets.keys)
        key = ApiKey(id, owner, name, roles, permissions, hashed, expires_at, now, authorizer.principal.shown)
        return Plan(
            AccessChange((document(key),), audit=(replace(entry, resource_kind="KEY", resource=id),)),
            NewKey(key, text),
        )

    return plan


def _check_limits(authorizer: Authorizer, permissions: frozenset[Permission] | None) -> None:
    if permissions is not None and not permissions:
        message = "A key limited to no permission could do nothing: name some, or leave permissions out."
        raise Refused(RefusalCode.INVALID_VALUE, message, ("permissions",))
    own = authorizer.principal.permissions
    if own is not None and not (permissions is not None and permissions <= own):
        listed = ", ".join(sorted(own))
        message = f"Your own key is limited to {listed}: limit the new one to some of these."
        raise Refused(RefusalCode.INVALID_VALUE, message, ("permissions",))


def revoke_key(id: str) -> Operation[ApiKey]:
    """Revoke a key, from the next request on. Revoking it again changes nothing.

    Needs an administrator of the key's account or of an operator account. Refused with NOT_FOUND.
    """

    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[ApiKey]:
        key = snapshot.keys.get(id)
        attempt = Attempt(authorizer, "apiKeyRevoke", "KEY", id, () if key is None else (key.account,))
        decision = None if key is None else authorizer.decide_on_keys(key.account)
        if key is None or decision is None or not decision.is_allowed:
            raise attempt.missing(f"There is no API key {printable(id)} that you may revoke.", ("id",))
        if key.revoked_at is not None:
            return Plan(AccessChange(audit=(attempt.entry(decision),)), key)
        revoked = replace(key, revoked_at=now, revoked_by=authorizer.principal.shown)
        return Plan(AccessChange((document(revoked),), audit=(attempt.entry(decision),)), revoked)

    return plan
