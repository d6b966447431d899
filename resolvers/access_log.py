"""The audit log, accounts and API keys, for administrators and auditors."""

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
class LogRecord:
    """A record of the audit log as the caller may see it."""

    at: int
    principal: str
    action: str
    resource_kind: str
    resource: str
    is_allowed: bool
    policies: Sequence[str]
    request_id: str
    count: int
    examples: Sequence[str]
    sequence: int | None
    previous: str | None
    digest: str | None


async def audit_log(context: Context, where: Any, first: int | None, after: str | None) -> Connection[LogRecord]:
    """Return the records that auditors of the caller's account may read, newest first.

    The field's guard checks the permission. The local administrator reads the records of all accounts.
    """
    condition = (None,) * 6 if where is None else (
        where.principal, where.action, where.resource, where.is_allowed, where.since, where.until
    )  # fmt: skip
    principal, action, resource, is_allowed, since, until = condition
    cursors = context.list_cursors("auditLog", condition)
    if after is not None:
        # By its time, which is unique, not by its sequence number, which would reveal how much other accounts do.
        cursors, position = cursors.read(after, LogPosition)
        until = position.at - 1
    account = None if context.principal.is_local else context.principal.account
    size = checked_first(first, 20, MOST)
    question = AuditQuestion(account, principal, action, resource, is_allowed, since, until, size)
    page = await context.store.audit_log(question)
    nodes = [_logged(context, record) for record in page.items]
    return connection(nodes, lambda record: cursors.make(LogPosition(record.at)), page.has_next, 0)


def _logged(context: Context, record: AuditRecord) -> LogRecord:
    entry, is_whole = record.entry, context.principal.is_local
    return LogRecord(
        record.at,
        entry.principal,
        entry.action,
        entry.resource_kind,
        entry.resource,
        entry.is_allowed,
        [policy for policy in entry.policies if _knows(context, policy)],
        entry.request_id,
        entry.count,
        entry.examples,
        record.sequence if is_whole else None,
        record.previous if is_whole else None,
        record.digest if is_whole else None,
    )


def _knows(context: Context, policy: str) -> bool:
    """Whether the caller may know of a policy or share that decided."""
    of, name = policy.split("/", 1)
    if context.principal.is_local:
        return True
    if of == "share":
        share = context.snapshot.shares.get(name)
        return share is not None and context.authorizer.sees_share(share)
    group = context.snapshot.groups.get(of)
    return group is not None and group.account == context.principal.account


def accounts(context: Context, first: int | None, after: str | None) -> Connection[Account]:
    """Return the caller's account, for an operator all accounts. The field's guard checks the permission."""
    seen = [
        each for each in context.snapshot.accounts.values() if context.authorizer.decide_on_keys(each.name).is_allowed
    ]
    return listed(context, "accounts", ((each.name, "", each) for each in seen), first, after)


def api_keys(context: Context, account: str | None, first: int | None, after: str | None) -> Connection[ApiKey]:
    """Return the keys of an account: the caller's, or any for an operator. The field's guard checks the permission."""
    owner = context.principal.account if account is None else account
    is_allowed = context.authorizer.decide_on_keys(owner).is_allowed
    seen = [key for key in context.snapshot.keys.values() if is_allowed and key.account == owner]
    return listed(context, "apiKeys", ((each.name, each.id, each) for each in seen), first, after, owner)


def limits_of(key: ApiKey) -> list[Permission] | None:
    """Return the permissions to which a key is limited, in order; None if it is not limited."""
    return None if key.permissions is None else in_order(key.permissions)


async def last_used(context: Context, key: ApiKey) -> int | None:
    """Return the time at which a key was last used; None if never."""
    return await context.loaders.key_used.load(key.id)
