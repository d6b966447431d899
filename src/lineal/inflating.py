"""Request bodies as they were before Content-Encoding, of limited size however small they are compressed."""

import zlib
from typing import Final

ENCODINGS: Final = ("identity", "gzip", "x-gzip", "deflate")
_MAX_MEMBERS: Final = 100
"""Each member copies the rest of the body."""


class InvalidEncoding(Exception):
    """A body that its encoding does not allow; the message is the end of a sentence that begins with The body."""


class TooLarge(Exception):
    """A body that is larger than allowed once it is inflated."""


def inflated(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The body before its encoding. Never holds more than `max_bytes` of it. Raises InvalidEncoding and TooLarge."""
    if encoding == "identity":
        return body
    if encoding != "deflate":
        return _members(body, max_bytes)
    try:
        return _stream(body, zlib.MAX_WBITS, max_bytes)[0]
    except InvalidEncoding:
        # The standard means zlib's format; some senders leave its header out.
        return _stream(body, -zlib.MAX_WBITS, max_bytes)[0]


def _members(body: bytes, max_bytes: int) -> bytes:
    whole, left = b"", body
    for _ in range(_MAX_MEMBERS):
        if not left:
            return whole
        part, left = _stream(left, zlib.MAX_WBITS + 16, max_bytes - len(whole))
        whole, left = whole + part, left.lstrip(b"\0")
    raise InvalidEncoding(f"holds {_MAX_MEMBERS} gzip members or more, which is refused: compress it as one")


def _stream(body: bytes, window_bits: int, max_bytes: int) -> tuple[bytes, bytes]:
    """What one stream inflates to, and what follows it."""
    inflater = zlib.decompressobj(window_bits)
    try:
        whole = inflater.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise InvalidEncoding(f"is not compressed as its Content-Encoding states ({error})") from error
    if len(whole) > max_bytes:
        raise TooLarge
    if not inflater.eof:
        raise InvalidEncoding("ends before its compressed content does")
    return whole, inflater.unused_data
