"""The audit log, accounts and keys, for those who administer them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lineal.auth.access_store import AuditQuestion, AuditRecord
from lineal.auth.permissions import Permission, in_order
from lineal.auth.records import Account, ApiKey
from lineal.resolvers.access_pages import listed
from lineal.resolvers.context import Context
from lineal.resolvers.cursors import LogPosition
from lineal.resolvers.pages import MOST, Connection, checked_first, connection


@dataclass(frozen=True, slots=True)
class Logged:
    """A record of the audit log as the caller may read it."""

    at: int
    principal: str
    action: str
    resource_kind: str
    resource: str
    is_allowed: bool
    policies: Sequence[str]
    request_id: str
    sequence: int | None
    previous: str | None
    digest: str | None


async def audit_log(context: Context, where: Any, first: int | None, after: str | None) -> Connection[Logged]:
    """What the auditors of the caller's account may read, the newest first. The field's guard asks for the permission.

    The local administrator reads of all accounts.
    """
    asked = (None,) * 6 if where is None else (
        where.principal, where.action, where.resource, where.is_allowed, where.since, where.until
    )  # fmt: skip
    principal, action, resource, is_allowed, since, until = asked
    made = context.list_cursors("auditLog", asked)
    if after is not None:
        # By its time, not by its number, which would tell how much others do. No two records are of one time.
        made, position = made.read(after, LogPosition)
        until = position.at - 1
    account = None if context.principal.is_local else context.principal.account
    size = checked_first(first, 20, MOST)
    question = AuditQuestion(account, principal, action, resource, is_allowed, since, until, size)
    page = await context.store.audit_log(question)
    nodes = [_logged(context, record) for record in page.items]
    return connection(nodes, lambda record: made.make(LogPosition(record.at)), page.has_next, 0)


def _logged(context: Context, record: AuditRecord) -> Logged:
    entry, is_whole = record.entry, context.principal.is_local
    return Logged(
        record.at,
        entry.principal,
        entry.action,
        entry.resource_kind,
        entry.resource,
        entry.is_allowed,
        [policy for policy in entry.policies if _knows(context, policy)],
        entry.request_id,
        record.sequence if is_whole else None,
        record.previous if is_whole else None,
        record.digest if is_whole else None,
    )


def _knows(context: Context, policy: str) -> bool:
    """Whether the caller may know what a policy of a group, or a share, decided."""
    of, name = policy.split("/", 1)
    if context.principal.is_local:
        return True
    if of == "share":
        share = context.snapshot.shares.get(name)
        return share is not None and context.authorizer.sees_share(share)
    group = context.snapshot.groups.get(of)
    return group is not None and group.account == context.principal.account


def accounts(context: Context, first: int | None, after: str | None) -> Connection[Account]:
    """The caller's account; for an operator all. The field's guard asks for the permission."""
    seen = [
        each for each in context.snapshot.accounts.values() if context.authorizer.decide_on_keys(each.name).is_allowed
    ]
    return listed(context, "accounts", ((each.name, "", each) for each in seen), first, after)


def api_keys(context: Context, account: str | None, first: int | None, after: str | None) -> Connection[ApiKey]:
    """The keys of the caller's account; for an operator of any account. The field's guard asks for the permission."""
    whose = context.principal.account if account is None else account
    may = context.authorizer.decide_on_keys(whose).is_allowed
    seen = [each for each in context.snapshot.keys.values() if may and each.account == whose]
    return listed(context, "apiKeys", ((each.name, each.id, each) for each in seen), first, after, whose)


def limits_of(key: ApiKey) -> list[Permission] | None:
    """What a key is limited to, in order; None where it is not."""
    return None if key.permissions is None else in_order(key.permissions)


async def last_used(context: Context, key: ApiKey) -> int | None:
    """When a key was last used; None where it never was."""
    return await context.loaders.key_used.load(key.id)
