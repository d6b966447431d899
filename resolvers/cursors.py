"""Cursors: a place in an answer, the moment the answer is of, and a seal that only the server can make.

A cursor is base64url of its payload and the first 16 bytes of an HMAC-SHA256 over it. The payload holds the watermark
of the first page, a hash of the question (what is asked, of what, with which arguments but first and after), and a
place in the answer's order. Whatever is wrong with one, the answer is the same sentence.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import astuple, dataclass, replace
from hashlib import sha256
from hmac import compare_digest, new
from typing import Final, TypeVar

import orjson

from lineal.graphstore.kinds import AssociationType
from lineal.graphstore.queries import AssociationPosition, EntityPosition, ReachPosition, RevisionPosition
from lineal.graphstore.records import AsOf, View
from lineal.resolvers.errors import BadInput

Position = TypeVar("Position", EntityPosition, ReachPosition, AssociationPosition, RevisionPosition)

_SEAL_BYTES: Final = 16
_REFUSED: Final = "after is not a cursor of this field with these arguments: ask again without it, from the first page"


@dataclass(frozen=True, slots=True)
class Cursors:
    """The cursors of one question: made from its positions, and read back."""

    key: bytes
    question: bytes
    watermark: int

    def make(self, position: EntityPosition | ReachPosition | AssociationPosition | RevisionPosition) -> str:
        """The cursor that goes on after a position."""
        payload = self.question + orjson.dumps([self.watermark, *astuple(position)])
        return urlsafe_b64encode(payload + self._seal(payload)).rstrip(b"=").decode()

    def _seal(self, payload: bytes) -> bytes:
        return new(self.key, payload, "sha256").digest()[:_SEAL_BYTES]

    def read(self, cursor: str, position: type[Position]) -> tuple["Cursors", Position]:
        """The position of a cursor, and the cursors of its answer, which are of its watermark. Raises BadInput."""
        try:
            data = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except ValueError:
            raise BadInput(_REFUSED) from None
        payload, seal = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
        if not compare_digest(seal, self._seal(payload)) or not payload.startswith(self.question):
            raise BadInput(_REFUSED)
        if urlsafe_b64encode(data).rstrip(b"=").decode() != cursor:
            raise BadInput(_REFUSED)
        watermark, *place = orjson.loads(payload[len(self.question) :])
        if position is AssociationPosition:
            place[2] = AssociationType(place[2])
        return replace(self, watermark=watermark), position(*place)


def cursors(key: bytes, field: str, view: View, *arguments: object) -> Cursors:
    """The cursors of a field's question: its view's scope and everything but first and after go into the hash."""
    asked = repr((field, view.scope, view.as_of.occurred_at, arguments))
    return Cursors(key, sha256(asked.encode("utf-8", "surrogatepass")).digest()[:8], view.as_of.recorded_at)


def as_of_cursor(view: View, made: Cursors) -> View:
    """The view that later pages read: the first page's."""
    return replace(view, as_of=AsOf(made.watermark, view.as_of.occurred_at))
