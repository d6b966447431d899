"""Identity: URNs, and the ids made from them.

A URN is `lineal:{account}:{KIND}:{name}`, and `@{version}` where there is one. Name and version keep RFC 8141's
characters (unreserved, sub-delimiters, `:` and `/`), the account only unreserved ones; all else, `@` and `%` too, is
UTF-8 as `%XX` in upper case. Text is not normalized.
"""

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from lineal.graphstore.kinds import AssociationType, EntityKind

MAX_ACCOUNT_BYTES: Final = 128
"""Largest size of an account, in bytes of UTF-8 before it is encoded."""
MAX_NAME_BYTES: Final = 4096
"""Largest size of a name, and of a version, in bytes of UTF-8 before it is encoded."""

_DELIMITERS: Final = "!$&'()*+,;=:/"
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~-]+").fullmatch
_PLAIN_NAME: Final = re.compile(rf"[A-Za-z0-9._~{_DELIMITERS}-]+").fullmatch
_KINDS: Final = "|".join(kind for kind in EntityKind if kind is not EntityKind.RESTRICTED)
_MAX_URN_LENGTH: Final = len("lineal:::@") + max(map(len, EntityKind)) + 3 * (MAX_ACCOUNT_BYTES + 2 * MAX_NAME_BYTES)
_PARTS: Final = re.compile(rf"lineal:(.*?):({_KINDS}):(.*)", re.DOTALL).fullmatch
_SHORT_CANONICAL: Final = re.compile(
    rf"lineal:[A-Za-z0-9._~-]{{1,128}}:(?:{_KINDS}):"
    rf"[A-Za-z0-9._~{_DELIMITERS}-]{{1,4096}}(?:@[A-Za-z0-9._~{_DELIMITERS}-]{{1,4096}})?"
).fullmatch
_RESTRICTED: Final = re.compile(r"lineal:restricted:[A-Za-z0-9_-]{22}").fullmatch
_LAST_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]?\Z").search
_ESCAPE: Final = re.compile("%[0-9A-Fa-f]{2}")
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2}|[0-9A-Fa-f]?\Z)")
_FORM: Final = (
    "write lineal:ACCOUNT:KIND:NAME or lineal:ACCOUNT:KIND:NAME@VERSION, as in lineal:acme:DATASET:s3://lake/raw@7"
)


class NotAUrn(ValueError):
    """A text is not a URN; the message says why and what a URN looks like."""


def account_problem(text: str) -> str | None:
    """What keeps a text from being an account, as a sentence's end, or None."""
    return _problem(text, MAX_ACCOUNT_BYTES)


def name_problem(text: str) -> str | None:
    """What keeps a text from being a name or version, as a sentence's end, or None."""
    return _problem(text, MAX_NAME_BYTES)


def _problem(text: str, most: int) -> str | None:
    if not text:
        return "is empty: give it at least one character"
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        return "holds a lone surrogate, which is not text: send valid Unicode"
    if size > most:
        return f"is {size} bytes of UTF-8; the most is {most}: shorten it"
    return "holds U+0000, which is refused: remove it" if "\x00" in text else None


def make_urn(account: str, kind: EntityKind, name: str, version: str | None) -> str:
    """The URN of an entity whose account has no `account_problem`, and name and version no `name_problem`."""
    # Most texts need no encoding, and quote takes ten times as long to find out.
    urn = f"lineal:{account if _PLAIN(account) else quote(account, safe='')}:{kind}:{_encoded(name)}"
    return urn if version is None else f"{urn}@{_encoded(version)}"


def _encoded(text: str | bytes) -> str:
    return text if isinstance(text, str) and _PLAIN_NAME(text) else quote(text, safe=_DELIMITERS)


def parse_urn(text: str) -> tuple[str, EntityKind, str, str | None]:
    """The account, kind, name and version that a URN states, however much of it is percent-encoded.

    The first kind between colons ends the account, and the last `@` begins the version. A character that should have
    been encoded stands for itself, a `%` without two hexadecimal digits too. Raises NotAUrn.
    """
    match = _PARTS(text) if len(text) <= _MAX_URN_LENGTH else None
    if match is None:
        raise NotAUrn(f"{text[:200]!r} is no URN: {_FORM}")
    account, kind, rest = match.groups()
    name, at, version = rest.rpartition("@")
    parts = [_decoded(account, "account"), _decoded(name if at else rest, "name")]
    parts += [_decoded(version, "version")] if at else []
    for field, part, most in zip(
        ("account", "name", "version"), parts, (MAX_ACCOUNT_BYTES, MAX_NAME_BYTES, MAX_NAME_BYTES), strict=False
    ):
        if problem := _problem(part, most):
            hint = ", and write %40 for an @ that begins no version" if at else ""
            raise NotAUrn(f"{text[:200]!r} is no URN: its {field} {problem}{hint}; {_FORM}")
    return parts[0], EntityKind(kind), parts[1], parts[2] if at else None


def _decoded(text: str, field: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:
        raise NotAUrn(
            f"the {field} {text[:200]!r} of a URN is not UTF-8 once its %XX are decoded: encode its UTF-8"
        ) from None


def canonical_urn(text: str) -> str:
    """The URN that a text states, in the one form in which it is recorded. Arguments and errors: `parse_urn`.

    The URN of a restricted entity, which names nothing recorded, stays as it is.
    """
    if _SHORT_CANONICAL(text) or _RESTRICTED(text):
        return text
    return make_urn(*parse_urn(text))


def canonical_part(text: str) -> str:
    """A part of a URN, such as its beginning, with all encoded that is encoded in names of URNs.

    Escapes stay as they are, but for their case.
    """
    text = _ESCAPE.sub(lambda escape: escape[0].upper(), _STRAY_PERCENT.sub("%25", text))
    return quote(text.encode("utf-8", "surrogatepass"), safe=_DELIMITERS + "%@")


def canonical_beginning(text: str) -> str:
    """The beginning of the URNs that begin with a text, which may end within an escape; as `canonical_urn` reads it."""
    match = _PARTS(text)
    if match is None:
        return canonical_part(text)
    account, kind, rest = match.groups()
    cut = found[0] if (found := _LAST_ESCAPE(rest)) else ""
    name, at, version = rest.removesuffix(cut).rpartition("@")
    parts = (name, version) if at else (version,)
    encoded = [_encoded(unquote_to_bytes(part.encode("utf-8", "surrogatepass"))) for part in parts]
    return f"lineal:{quote(unquote_to_bytes(account), safe='')}:{kind}:{at.join(encoded)}{cut.upper()}"


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
