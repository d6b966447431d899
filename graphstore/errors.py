"""Errors that a store raises."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class ProblemCode(StrEnum):
    """Why a batch was refused."""

    INVALID_VALUE = "INVALID_VALUE"
    TOO_LARGE = "TOO_LARGE"
    SELF_ASSOCIATION = "SELF_ASSOCIATION"
    NOT_FOUND = "NOT_FOUND"
    IMMUTABLE_CONFLICT = "IMMUTABLE_CONFLICT"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    FORBIDDEN = "FORBIDDEN"


@dataclass(frozen=True, slots=True)
class Problem:
    """A reason why a batch was refused: a code, a sentence that says what to do, and a path.

    `path` leads through the batch: `("entities", 3, "properties", "lr")`. `differing` are the fields in which content
    differs in an IMMUTABLE_CONFLICT, such as `properties.lr`, before fields that the caller may not see are removed.
    """

    code: ProblemCode
    message: str
    path: tuple[str | int, ...] = ()
    differing: tuple[str, ...] = ()


def not_recorded(urn: str) -> str:
    """The sentence of a NOT_FOUND."""
    return f"{urn} is not recorded: record it first, or in the same batch."


def conflicting(name: str, fields: Sequence[str]) -> str:
    """The sentence of an IMMUTABLE_CONFLICT, with those of the differing fields that the caller may see."""
    differing = ", ".join(fields) or "content that you may not see"
    return (
        f"{name} is recorded with other content, and recorded content never changes. It differs in: {differing}. "
        "Append a revision, or record a new version."
    )


def damaged(cause: object) -> str:
    """The sentence of an Unavailable where a store is damaged."""
    return f"the store is damaged ({cause}): run `lineal verify` to see what is wrong, and restore a backup"


class StoreError(Exception):
    """Anything a store refuses or cannot do."""


class BatchRefused(StoreError):
    """The batch breaks a rule; nothing of it was written. `problems` holds at least one."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class LimitExceeded(StoreError):
    """The query cannot be answered within its visit limit or deadline, and has no partial answer."""


class Unavailable(StoreError):
    """The store cannot be reached, or has stopped acknowledging until it has repaired itself."""


class OutcomeUnknown(Unavailable):
    """A commit failed in a way that leaves open whether the batch is there.

    Send it again, with the same idempotency key: it is recorded once, however often it is sent.
    """


class StoreUnusable(StoreError):
    """The store cannot be opened: a newer database than the code, a file that is not a store, a library too old."""
