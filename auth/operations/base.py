"""What an operation on access is: it decides, on a snapshot, what to change and what to tell the audit log."""

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
from lineal.auth.names import name_problem, told

Result = TypeVar("Result")


class RefusalCode(StrEnum):
    """Why an operation was refused.

    NOT_FOUND also where the caller may not know that it is there; FORBIDDEN only where it may.
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
    """An operation is refused, and nothing was changed.

    `path` leads to the argument at fault: `("targets", 0, "role")`. `audit` is what the log is told of it: something
    where permission was the reason, or may have been.
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
    """What an operation changes, and what it gives once that is done."""

    change: AccessChange
    result: Result


Operation: TypeAlias = Callable[[AccessSnapshot, Authorizer, int], Plan[Result]]
"""Decides on a snapshot, for a caller, at a time in microseconds. Raises Refused. Called again if access moved."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an operation is attempt on, as the audit log names it: a mutation, a kind of thing, and which.

    `accounts` are those, beside the caller's, whose auditors may read of it.
    """

    authorizer: Authorizer
    action: str
    resource_kind: str
    resource: str
    accounts: tuple[str, ...] = ()

    def entry(self, decision: Decision) -> AuditEntry:
        """What the log is told of a decision on it."""
        return AuditEntry(
            tuple(dict.fromkeys((self.authorizer.principal.account, *self.accounts))),
            self.authorizer.principal.shown,
            self.action,
            self.resource_kind,
            told(self.resource),
            decision.is_allowed,
            decision.policies,
        )

    def demand(self, decision: Decision, message: str, path: tuple[str | int, ...] = ()) -> AuditEntry:
        """What the log is told where it is allowed; raises Refused with FORBIDDEN and a message where it is not."""
        if not decision.is_allowed:
            raise Refused(RefusalCode.FORBIDDEN, message, path, (self.entry(decision),))
        return self.entry(decision)

    def missing(self, message: str, path: tuple[str | int, ...] = ()) -> Refused:
        """The refusal where it is not there, or the caller may not know that it is: the same in either case."""
        return Refused(RefusalCode.NOT_FOUND, message, path, (self.entry(Decision(False)),))


def checked_name(text: str, what: str, *path: str | int) -> str:
    """A name, as given. Raises Refused with INVALID_VALUE where it cannot be one."""
    problem = name_problem(text)
    if problem:
        raise Refused(RefusalCode.INVALID_VALUE, f"{what} {problem}.", path)
    return text


def checked_count(count: int, most: int, what: str, *path: str | int) -> None:
    """Raises Refused with TOO_LARGE where there are more than the most."""
    if count > most:
        raise Refused(RefusalCode.TOO_LARGE, f"There are {count:,} {what}; the most is {most:,}: send fewer.", path)


def new_id() -> str:
    """The id of something new: 22 random characters of base64url."""
    return urlsafe_b64encode(token_bytes(16)).rstrip(b"=").decode()
