"""Addresses of blobs: the URI by which the source of an entity names its content."""

import re
from typing import Final

SCHEME: Final = "lineal-blob:sha256:"
"""Prefix of the URI of a blob; its SHA-256 in lower-case hexadecimal digits follows."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def is_sha256(text: str) -> bool:
    """Return whether a text is a SHA-256 in lower-case hexadecimal digits."""
    return _SHA256.fullmatch(text) is not None


def blob_uri(sha256: str) -> str:
    """Return the URI of the blob with a SHA-256."""
    return SCHEME + sha256


def sha256_of(uri: str | None) -> str | None:
    """Return the SHA-256 that the URI of a blob names, or None if the URI is not that of a blob.

    Raises ValueError if the URI has the scheme of blobs but no SHA-256.
    """
    if uri is None or not uri.lower().startswith("lineal-blob:"):
        return None
    if not uri.startswith(SCHEME) or not is_sha256(uri.removeprefix(SCHEME)):
        raise ValueError(f"write the address of a blob as {SCHEME} and 64 lower-case hexadecimal digits")
    return uri.removeprefix(SCHEME)
