"""The quarantine: OpenLineage documents of an account that were refused, and their retry."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Final

from lineal.auth.access_store import AuditEntry
from lineal.auth.decisions import Decision
from lineal.auth.directive import checked
from lineal.auth.operations.base import Attempt, RefusalCode
from lineal.auth.permissions import Permission
from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.quarantine import Quarantined, QuarantineFilter, QuarantineQuestion, newest_first
from lineal.resolvers.access_changes import ChangeError
from lineal.resolvers.context import Context
from lineal.resolvers.cursors import Cursors, QuarantinePosition
from lineal.resolvers.errors import BadInput
from lineal.resolvers.pages import MOST, Connection, checked_first, connection

MOST_DOCUMENT_BYTES: Final = 16 * 1024 * 1024
"""The most bytes of documents in one answer, unless it holds a single one."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class RetriedDocument:
    """A document, and whether it was recorded now; else the problems."""

    id: str
    is_recorded: bool
    problems: Sequence[str]


@dataclass(frozen=True, slots=True)
class RetryPayload:
    """What became of each document, or the reasons why none was retried.

    `end_cursor` is the position of the last one if more documents match.
    """

    documents: Sequence[RetriedDocument] = ()
    end_cursor: str | None = None
    user_errors: Sequence[ChangeError] = ()


@dataclass(frozen=True, slots=True)
class DiscardPayload:
    """The ids of the discarded documents, or the reasons why none was discarded."""

    ids: Sequence[str] = ()
    end_cursor: str | None = None
    user_errors: Sequence[ChangeError] = ()


async def quarantine(
    context: Context,
    ids: Sequence[str] | None,
    where: Any,
    first: int | None,
    after: str | None,
) -> Connection[Quarantined]:
    """Return refused documents of the caller's account, newest first. The field's guard checks the permission."""
    if ids is not None and len(ids) > MOST:
        raise BadInput(f"ids may hold {MOST} ids: ask for fewer at once")
    condition = _condition(where)
    cursors, before = _position(context.list_cursors("quarantine", ids, condition), after)
    question = QuarantineQuestion(
        _account(context), checked_first(first, 20, MOST), before, _valid(ids), condition, with_documents=False
    )
    page = await context.store.quarantined(question)
    return connection(
        page.items, lambda kept: cursors.make(QuarantinePosition(*newest_first(kept))), page.has_next, page.total
    )


async def document(context: Context, kept: Quarantined) -> str | None:
    """Return a document that the caller listed, as text; None if it was removed since.

    Raises LimitExceeded if the documents of the request are too large together.
    """
    is_first = context.document_bytes == 0
    context.document_bytes += kept.size
    if context.document_bytes > MOST_DOCUMENT_BYTES and not is_first:
        raise LimitExceeded(
            f"The documents of one answer may hold {MOST_DOCUMENT_BYTES // 1024 // 1024} MiB together: ask for fewer "
            "at once, by ids or first."
        )
    content = await context.loaders.document.load(kept.id)
    return None if content is None else content.decode(errors="replace")


async def retry(context: Context, input: Any) -> RetryPayload:
    """Record documents in the name of the caller. Those that are recorded leave the quarantine."""
    chosen = await _chosen(context, "quarantineRetry", input)
    if chosen.errors:
        return RetryPayload(user_errors=chosen.errors)
    return RetryPayload([await _retried(context, each) for each in chosen.documents], chosen.end_cursor)


async def discard(context: Context, input: Any) -> DiscardPayload:
    """Remove documents for good."""
    chosen = await _chosen(context, "quarantineDiscard", input)
    if chosen.errors:
        return DiscardPayload(user_errors=chosen.errors)
    for each in chosen.documents:
        await context.store.discard_quarantined(each.id)
    return DiscardPayload([each.id for each in chosen.documents], chosen.end_cursor)


async def _retried(context: Context, listed: Quarantined) -> RetriedDocument:
    page = await context.store.quarantined(QuarantineQuestion(listed.account, ids=(listed.id,)))
    if not page.items:
        return RetriedDocument(listed.id, False, ["The document was removed meanwhile."])
    assert context.record_document is not None, "a server sets it"
    problems = await context.record_document(context, page.items[0])
    if not problems:
        await context.store.discard_quarantined(listed.id)
    return RetriedDocument(listed.id, not problems, problems)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The documents that an input names or that match its condition, without their content, or the errors."""

    documents: Sequence[Quarantined] = ()
    end_cursor: str | None = None
    errors: Sequence[ChangeError] = ()


async def _chosen(context: Context, action: str, input: Any) -> _Chosen:
    """Return the documents that an input chooses. The audit log gets each, and each that is absent."""
    checked(Permission.MANAGE_QUARANTINE)
    decision = context.authorizer.decide_on_own_account(Permission.MANAGE_QUARANTINE)
    if not decision.is_allowed:
        account = context.principal.account
        await context.store.audit([_entry(context, action, "ACCOUNT", account, account, decision)])
        message = f"This needs {Permission.MANAGE_QUARANTINE.shown}: ask an administrator of the account for it."
        return _Chosen(errors=[ChangeError(RefusalCode.FORBIDDEN, message, ("input",))])
    if (input.ids is None) == (input.where is None):
        raise BadInput("give either ids or where; where: {} means all documents")
    chosen = await (_named(context, input.ids) if input.where is None else _matching(context, action, input))
    absent = [input.ids[int(error.path[2])] for error in chosen.errors if error.code is RefusalCode.NOT_FOUND]
    home = context.principal.account
    denied = [_entry(context, action, "DOCUMENT", id, home, Decision(False)) for id in dict.fromkeys(absent)]
    allowed = [_entry(context, action, "DOCUMENT", each.id, each.account, decision) for each in chosen.documents]
    if denied or allowed:
        await context.store.audit([*denied, *allowed])
    return chosen


async def _named(context: Context, ids: Sequence[str]) -> _Chosen:
    """Return the documents with these ids; the errors if there are too many, or if one is absent."""
    if len(ids) > MOST:
        message = f"There are {len(ids):,} ids; the most is {MOST}: send fewer."
        return _Chosen(errors=[ChangeError(RefusalCode.TOO_LARGE, message, ("input", "ids"))])
    page = await context.store.quarantined(
        QuarantineQuestion(_account(context), MOST, ids=_valid(ids), with_documents=False)
    )
    kept = {each.id: each for each in page.items}
    errors = [
        ChangeError(RefusalCode.NOT_FOUND, "No such document is in quarantine.", ("input", "ids", str(place)))
        for place, id in enumerate(ids)
        if id not in kept
    ]
    return _Chosen(() if errors else [kept[id] for id in dict.fromkeys(ids)], errors=errors)


async def _matching(context: Context, action: str, input: Any) -> _Chosen:
    """Return the next documents that match a condition, as many as one request may change."""
    condition = _condition(input.where)
    cursors, before = _position(context.list_cursors(action, condition), input.after)
    question = QuarantineQuestion(_account(context), MOST, before, where=condition, with_documents=False)
    page = await context.store.quarantined(question)
    sizes = accumulate(each.size for each in page.items)
    count = max(1, sum(size <= MOST_DOCUMENT_BYTES for size in sizes))
    documents = page.items[:count]
    has_next = page.has_next or count < len(page.items)
    end = cursors.make(QuarantinePosition(*newest_first(documents[-1]))) if has_next else None
    return _Chosen(documents, end)


def _condition(where: Any) -> QuarantineFilter:
    """Return the condition of an input; an absent or null field does not count."""
    if where is None:
        return QuarantineFilter()
    return QuarantineFilter(where.run, where.job, where.received_by, where.problem, where.since, where.until)


def _position(cursors: Cursors, after: str | None) -> tuple[Cursors, tuple[int, str] | None]:
    """Return the cursors, and the position of the cursor `after`."""
    if after is None:
        return cursors, None
    cursors, position = cursors.read(after, QuarantinePosition)
    return cursors, (position.received_at, position.id)


def _entry(context: Context, action: str, kind: str, resource: str, account: str, decision: Decision) -> AuditEntry:
    entry = Attempt(context.authorizer, action, kind, resource, (account,)).entry(decision)
    return replace(entry, request_id=context.request_id)


def _account(context: Context) -> str | None:
    """The account whose documents the caller may see; None, for the local administrator: every account's."""
    return None if context.principal.is_local else context.principal.account


def _valid(ids: Sequence[str] | None) -> tuple[str, ...] | None:
    """The ids that have the form of one. Any other names nothing."""
    return None if ids is None else tuple(id for id in dict.fromkeys(ids) if _ID.fullmatch(id))
