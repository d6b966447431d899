"""What was sent and could not be recorded: kept whole with the reason, outside of lineage, until it is retried."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

MICROSECONDS_A_DAY: Final = 24 * 3600 * 1_000_000
BESIDE_BYTES: Final = 1024
"""What each document counts towards the limits beyond its own size."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A document that was refused. `received_at` is in microseconds since 1970; `run` and `job` where it names them.

    `size` is in bytes. `document` is empty in pages that leave documents out.
    """

    id: str
    account: str
    received_at: int
    received_by: str
    problems: tuple[str, ...]
    run: str | None
    job: str | None
    size: int
    document: bytes


@dataclass(frozen=True, slots=True)
class QuarantineLimits:
    """How long documents are kept, and how many bytes of each account: its oldest go first.

    What is kept beside a document counts as 1 KiB, so that small documents are not kept without end either.
    """

    days: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class QuarantineFilter:
    """A condition on documents; all fields that are not None must hold.

    `problem` is a text within one of the problems. `since` is the earliest and `until` the time before which a document
    was received, in microseconds since 1970.
    """

    run: str | None = None
    job: str | None = None
    received_by: str | None = None
    problem: str | None = None
    since: int | None = None
    until: int | None = None

    def matches(self, kept: Quarantined) -> bool:
        """Return whether a document satisfies the condition."""
        return (
            self.run in (None, kept.run)
            and self.job in (None, kept.job)
            and self.received_by in (None, kept.received_by)
            and (self.problem is None or any(self.problem in each for each in kept.problems))
            and (self.since is None or self.since <= kept.received_at)
            and (self.until is None or kept.received_at < self.until)
        )


@dataclass(frozen=True, slots=True)
class QuarantineQuestion:
    """A page of the documents of an account, or of all, the newest first, after the position `before`.

    No `ids` means any.
    """

    account: str | None = None
    first: int = 20
    before: tuple[int, str] | None = None
    ids: tuple[str, ...] | None = None
    where: QuarantineFilter = QuarantineFilter()
    with_documents: bool = True


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """A page of documents; `total` counts those of the question on all pages."""

    items: tuple[Quarantined, ...]
    total: int
    has_next: bool


def quarantine_id(account: str, document: bytes) -> str:
    """The id of a document of an account: sent again, it is the same."""
    digest = sha256(account.encode() + b"\0" + document).digest()
    return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def counted_size(size: int) -> int:
    """What a document of a size counts towards the limits, in bytes."""
    return size + BESIDE_BYTES


def newest_first(kept: Quarantined) -> tuple[int, str]:
    """The position of a document among those that are kept, which are sorted in descending order of it."""
    return kept.received_at, kept.id


def page_of(kept: list[Quarantined], question: QuarantineQuestion) -> QuarantinePage:
    """The page of all documents that are kept, where an engine reads them all."""
    mine = [each for each in kept if _matches(each, question)]
    mine.sort(key=newest_first, reverse=True)
    before = question.before
    left = [each for each in mine if before is None or newest_first(each) < before]
    return QuarantinePage(tuple(left[: question.first]), len(mine), len(left) > question.first)


def _matches(kept: Quarantined, question: QuarantineQuestion) -> bool:
    return (
        question.account in (None, kept.account)
        and (question.ids is None or kept.id in question.ids)
        and question.where.matches(kept)
    )
