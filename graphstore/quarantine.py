"""What was sent and could not be recorded: kept whole with the reason, outside of lineage, until it is retried."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

MICROSECONDS_A_DAY: Final = 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A document that was refused. `received_at` is in microseconds since 1970; `run` and `job` where it names them."""

    id: str
    account: str
    received_at: int
    received_by: str
    problems: tuple[str, ...]
    run: str | None
    job: str | None
    document: bytes


@dataclass(frozen=True, slots=True)
class QuarantineLimits:
    """How long documents are kept, and how many bytes of them in all accounts together: the oldest go first."""

    days: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class QuarantineQuestion:
    """A page of the documents of an account, or of all, the newest first; `before` is the last one of the page before.

    With `id`, the one document of that id.
    """

    account: str | None = None
    first: int = 20
    before: Quarantined | None = None
    id: str | None = None


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


def newest_first(kept: Quarantined) -> tuple[int, str]:
    """The key by which documents are sorted, in descending order."""
    return kept.received_at, kept.id


def page_of(kept: list[Quarantined], question: QuarantineQuestion) -> QuarantinePage:
    """The page of all documents that are kept, where an engine reads them all."""
    mine = [each for each in kept if question.account in (None, each.account) and question.id in (None, each.id)]
    mine.sort(key=newest_first, reverse=True)
    before = question.before
    left = [each for each in mine if before is None or newest_first(each) < newest_first(before)]
    return QuarantinePage(tuple(left[: question.first]), len(mine), len(left) > question.first)
