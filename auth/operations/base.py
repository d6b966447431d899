"""Operations on access: functions that decide, on a snapshot, what to change and what the audit log records."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from secrets import token_bytes
from typing import Generic, TypeAlias, TypeVar

from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.access_store import AccessChange, AuditEntry
from lineal.auth.authorizer import Authorizer
from lineal.auth.decisions import Decision
from lineal.auth.names import account_problem, name_problem, printable

Result = TypeVar("Result")


class RefusalCode(StrEnum):
    """Why an operation was refused.

    NOT_FOUND if the object does not exist or the caller may not know of it; FORBIDDEN only if the caller may.
    """

    INVALID_VALUE = "INVALID_VALUE"
    TOO_LARGE = "TOO_LARGE"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    CONFLICT = "CONFLICT"
    EXPIRED = "EXPIRED"
    INVALID_POLICY = "INVALID_POLICY"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"


class Refused(Exception):
    """An operation was refused, and changed nothing.

    `path` leads to the argument at fault: `("targets", 0, "role")`. `audit` holds entries for the audit log if the
    reason is, or may be, a missing permission.
    """

    def __init__(
        self, code: RefusalCode, message: str, path: tuple[str | int, ...] = (), audit: tuple[AuditEntry, ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path
        self.audit = audit


@dataclass(frozen=True, slots=True)
class Plan(Generic[Result]):
    """The change that an operation decided on, and its result once the change is applied."""

    change: AccessChange
    result: Result


Operation: TypeAlias = Callable[[AccessSnapshot, Authorizer, int], Plan[Result]]
"""Decides on a snapshot for a caller, at a time in microseconds. Raises Refused. Called again if the epoch moved."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempted mutation of a resource, as the audit log names it.

    Auditors of the caller's account and of `accounts` may read its entry.
    """

    authorizer: Authorizer
    action: str
    resource_kind: str
    resource: str
    accounts: tuple[str, ...] = ()

    def entry(self, decision: Decision) -> AuditEntry:
        """Return the audit entry of a decision on the attempt."""
        return AuditEntry(
            tuple(dict.fromkeys((self.authorizer.principal.account, *self.accounts))),
            self.authorizer.principal.shown,
            self.action,
            self.resource_kind,
            printable(self.resource),
            decision.is_allowed,
            decision.policies,
        )

    def demand(self, decision: Decision, message: str, path: tuple[str | int, ...] = ()) -> AuditEntry:
        """Return the audit entry of an allowed decision. Raises Refused with FORBIDDEN and the message otherwise."""
        if not decision.is_allowed:
            raise Refused(RefusalCode.FORBIDDEN, message, path, (self.entry(decision),))
        return self.entry(decision)

    def missing(self, message: str, path: tuple[str | int, ...] = ()) -> Refused:
        """Return the refusal for a resource that does not exist, and, the same, for one the caller may not know of."""
        return Refused(RefusalCode.NOT_FOUND, message, path, (self.entry(Decision(False)),))


def checked_name(text: str, what: str, *path: str | int) -> str:
    """Return a valid name unchanged. Raises Refused with INVALID_VALUE."""
    problem = name_problem(text)
    if problem:
        raise Refused(RefusalCode.INVALID_VALUE, f"{what} {problem}.", path)
    return text


def checked_account(text: str, what: str, *path: str | int) -> str:
    """Return a valid name of an account unchanged. Raises Refused with INVALID_VALUE."""
    problem = account_problem(text)
    if problem:
        raise Refused(RefusalCode.INVALID_VALUE, f"{what} {problem}.", path)
    return text


def checked_count(count: int, most: int, what: str, *path: str | int) -> None:
    """Raise Refused with TOO_LARGE if a count exceeds its limit."""
    if count > most:
        raise Refused(RefusalCode.TOO_LARGE, f"There are {count:,} {what}; the most is {most:,}: send fewer.", path)


def new_id() -> str:
    """Return a new id: 22 random characters of base64url."""
    return urlsafe_b64encode(token_bytes(16)).rstrip(b"=").decode()
