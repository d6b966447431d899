"""Making and revoking API keys."""

from dataclasses import dataclass, field, replace
from typing import Final

from lineal.auth.access_codec import document
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.access_store import AccessChange
from lineal.auth.authorizer import Authorizer
from lineal.auth.keys import key_hash, new_key
from lineal.auth.names import told
from lineal.auth.operations.base import Attempt, Operation, Plan, RefusalCode, Refused, checked_count, checked_name
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

    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[NewKey]:
        owner = authorizer.principal.account if account is None else account
        attempt = Attempt(authorizer, "apiKeyCreate", "ACCOUNT", owner, (owner,) if owner in snapshot.accounts else ())
        if not authorizer.sees_account(owner):
            raise attempt.missing(f"There is no account {told(owner)}: it must be registered first.", ("account",))
        allowed = attempt.demand(
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
            AccessChange((document(key),), audit=(replace(allowed, resource_kind="KEY", resource=id),)),
            NewKey(key, text),
        )

    return plan


def _check_limits(authorizer: Authorizer, permissions: frozenset[Permission] | None) -> None:
    if permissions is not None and not permissions:
        message = "A key limited to no permission could do nothing: name some, or leave permissions out."
        raise Refused(RefusalCode.INVALID_VALUE, message, ("permissions",))
    mine = authorizer.principal.permissions
    if mine is not None and not (permissions is not None and permissions <= mine):
        listed = ", ".join(sorted(mine))
        message = f"Your own key is limited to {listed}: limit the new one to some of these."
        raise Refused(RefusalCode.INVALID_VALUE, message, ("permissions",))


def revoke_key(id: str) -> Operation[ApiKey]:
    """Make a key useless, at once; one that is already revoked stays as it is.

    For administrators of its account, and of operator accounts. Refused with NOT_FOUND.
    """

    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[ApiKey]:
        key = snapshot.keys.get(id)
        attempt = Attempt(authorizer, "apiKeyRevoke", "KEY", id, () if key is None else (key.account,))
        decision = None if key is None else authorizer.decide_on_keys(key.account)
        if key is None or decision is None or not decision.is_allowed:
            raise attempt.missing(f"There is no API key {told(id)} that you may revoke.", ("id",))
        if key.revoked_at is not None:
            return Plan(AccessChange(audit=(attempt.entry(decision),)), key)
        revoked = replace(key, revoked_at=now, revoked_by=authorizer.principal.shown)
        return Plan(AccessChange((document(revoked),), audit=(attempt.entry(decision),)), revoked)

    return plan
