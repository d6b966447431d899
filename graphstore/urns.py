"""Identity: URNs, and the ids made from them.

A URN is `lineal:{account}:{KIND}:{name}`, and `@{version}` where there is one. Account, name and version keep the
unreserved characters of RFC 3986; all else is UTF-8 as `%XX` in upper case. Nothing is normalized.
"""

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from lineal.graphstore.kinds import AssociationType, EntityKind

_PLAIN: Final = re.compile(r"[A-Za-z0-9._~-]+").fullmatch

MAX_SEGMENT_BYTES: Final = 512
"""The most bytes an account, name or version may have once encoded."""


def segment_problem(text: str) -> str | None:
    """What keeps a text from being an account, name or version, as a sentence's end, or None."""
    if not text:
        return "is empty: give it at least one character"
    try:
        size = len(_encoded(text))
    except UnicodeEncodeError:
        return "holds a lone surrogate, which is not text: send valid Unicode"
    if size > MAX_SEGMENT_BYTES:
        return f"is {size} bytes once percent-encoded; the most is {MAX_SEGMENT_BYTES}: shorten it"
    return "holds U+0000, which is refused: remove it" if "\x00" in text else None


def make_urn(account: str, kind: EntityKind, name: str, version: str | None) -> str:
    """The URN of an entity whose account, name and version have no `segment_problem`."""
    urn = f"lineal:{_encoded(account)}:{kind}:{_encoded(name)}"
    return urn if version is None else f"{urn}@{_encoded(version)}"


def _encoded(text: str) -> str:
    # Most texts need no encoding, and quote takes ten times as long to say so.
    return text if _PLAIN(text) else quote(text, safe="")


def _opaque(identity: str) -> str:
    digest = sha256(identity.encode("utf-8", "surrogatepass")).digest()
    return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def entity_id(urn: str) -> str:
    """The GraphQL id: base64url, without padding, of the first 16 bytes of SHA-256(urn). 22 characters."""
    return _opaque(urn)


def association_id(source_urn: str, destination_urn: str, type: AssociationType, role: str | None) -> str:
    """The GraphQL id of an association, made like an entity's from its identity.

    Urns and types hold no space, so the joined text is unambiguous; a role is told from none by the last space.
    """
    return _opaque(f"{source_urn} {destination_urn} {type}" + ("" if role is None else f" {role}"))
