"""Cursors: a position in an answer and the watermark of its first page, encrypted so that only the server reads them.

A cursor is base64url of AES-SIV (RFC 5297) over the watermark of the first page and a position in the order of the
answer. Its associated data is a hash of the question: principal, field, object and arguments but first and after. It is
encrypted because a watermark reveals when anybody last recorded something. The same position in the same answer always
has the same cursor. Every invalid cursor is refused with the same sentence.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Final, TypeAlias, TypeVar

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from lineal.graphstore.kinds import AssociationType
from lineal.graphstore.queries import (
    AssociationPosition,
    EntityPosition,
    ObservationPosition,
    ReachPosition,
    RevisionPosition,
)
from lineal.graphstore.records import AsOf, View
from lineal.resolvers.errors import BadInput


@dataclass(frozen=True, slots=True)
class NamedPosition:
    """A position in the order (name, id)."""

    name: str
    id: str


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A position in the audit log, newest first: after the record of this time."""

    at: int


@dataclass(frozen=True, slots=True)
class QuarantinePosition:
    """A position among refused documents, newest first: after the document of this time and id."""

    received_at: int
    id: str


@dataclass(frozen=True, slots=True)
class VersionPosition:
    """A position among the versions of a model group: the greatest number first, then those without, by urn."""

    number: int | None
    urn: str


@dataclass(frozen=True, slots=True)
class TimePosition:
    """A position in the order of time, the latest first: by `occurred_at`, then `recorded_at`, then URN."""

    occurred_at: int
    recorded_at: int
    urn: str


AnyPosition: TypeAlias = (
    EntityPosition
    | ReachPosition
    | AssociationPosition
    | RevisionPosition
    | ObservationPosition
    | NamedPosition
    | LogPosition
    | QuarantinePosition
    | VersionPosition
    | TimePosition
)
Position = TypeVar(
    "Position",
    EntityPosition,
    ReachPosition,
    AssociationPosition,
    RevisionPosition,
    ObservationPosition,
    NamedPosition,
    LogPosition,
    QuarantinePosition,
    VersionPosition,
    TimePosition,
)

_REFUSED: Final = "after is not a cursor of this field with these arguments: ask again without it, from the first page"


@dataclass(frozen=True, slots=True)
class Cursors:
    """Makes and reads the cursors of one question."""

    key: bytes
    question: bytes
    watermark: int

    def make(self, position: AnyPosition) -> str:
        """The cursor of a position."""
        plaintext = orjson.dumps([self.watermark, *astuple(position)])
        return urlsafe_b64encode(_cipher(self.key).encrypt(plaintext, [self.question])).rstrip(b"=").decode()

    def read(self, cursor: str, position: type[Position]) -> tuple["Cursors", Position]:
        """The cursors of a cursor's answer, which have its watermark, and its position. Raises BadInput."""
        try:
            data = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            sealed = _cipher(self.key).decrypt(data, [self.question])
        except (ValueError, InvalidTag):
            raise BadInput(_REFUSED) from None
        if urlsafe_b64encode(data).rstrip(b"=").decode() != cursor:
            raise BadInput(_REFUSED)
        watermark, *values = orjson.loads(sealed)
        if position is AssociationPosition:
            values[2] = AssociationType(values[2])
        return replace(self, watermark=watermark), position(*values)


@lru_cache(8)
def _cipher(key: bytes) -> AESSIV:
    return AESSIV(key)


def cursors(key: bytes, asker: tuple[str, str], field: str, as_of: AsOf, *arguments: object) -> Cursors:
    """The cursors of a field's question: the principal and all arguments but first and after go into the hash.

    `asker` is the account and name of the principal. Its permissions do not go in: later pages are read under those of
    the day.
    """
    question = repr((asker, field, as_of.occurred_at, arguments))
    return Cursors(key, sha256(question.encode("utf-8", "surrogatepass")).digest(), as_of.recorded_at)


def as_of_cursor(view: View, page_cursors: Cursors) -> View:
    """The view of later pages: as of the first page's watermark."""
    return replace(view, as_of=AsOf(page_cursors.watermark, view.as_of.occurred_at))
