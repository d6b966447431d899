"""Names people give: of accounts, principals, roles, groups and shares."""

from typing import Final
from urllib.parse import quote

MAX_NAME_BYTES: Final = 512
"""The most bytes a name may have once percent-encoded, as in urns."""


def name_problem(text: str) -> str | None:
    """What keeps a text from being a name, as a sentence's end, or None."""
    if not text:
        return "is empty: give it at least one character"
    try:
        size = len(quote(text, safe=""))
    except UnicodeEncodeError:
        return "holds a lone surrogate, which is not text: send valid Unicode"
    if size > MAX_NAME_BYTES:
        return f"is {size} bytes once percent-encoded; the most is {MAX_NAME_BYTES}: shorten it"
    return "holds U+0000, which is refused: remove it" if "\x00" in text else None


def told(text: str) -> str:
    """What a caller gave, fit to be told back and logged: the first 600 characters, all of them text.

    Longer than whatever is there, and so cut of nothing that is.
    """
    return text[:600].encode("utf-8", "replace").decode()


def within(account: str, name: str) -> str:
    """A role or a principal of an account in one text, `account/name`, which no other pair gives.

    In the account `%` and `/` are percent-encoded, so that the first `/` always ends it; the name stands as it is.
    """
    return f"{account.replace('%', '%25').replace('/', '%2F')}/{name}"
