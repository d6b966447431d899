"""Names of accounts, principals, roles, groups and shares."""

from typing import Final
from urllib.parse import quote

MAX_ACCOUNT_BYTES: Final = 128
"""Largest size of an account's name, in bytes of UTF-8."""
MAX_NAME_BYTES: Final = 512
"""Largest size of a name in bytes, percent-encoded as in URNs."""


def name_problem(text: str) -> str | None:
    """Return why a text is not a valid name, as the end of a sentence, or None if it is valid."""
    if not text:
        return "is empty: give it at least one character"
    try:
        size = len(quote(text, safe=""))
    except UnicodeEncodeError:
        return "holds a lone surrogate, which is not text: send valid Unicode"
    if size > MAX_NAME_BYTES:
        return f"is {size} bytes once percent-encoded; the most is {MAX_NAME_BYTES}: shorten it"
    return "holds U+0000, which is refused: remove it" if "\x00" in text else None


def account_problem(text: str) -> str | None:
    """Return why a text is not a valid name of an account, as the end of a sentence, or None if it is valid."""
    if problem := name_problem(text):
        return problem
    size = len(text.encode())
    return (
        f"is {size} bytes of UTF-8; the most is {MAX_ACCOUNT_BYTES}: shorten it" if size > MAX_ACCOUNT_BYTES else None
    )


def printable(text: str) -> str:
    """Return a caller's text fit for messages and logs: its first 600 characters, as valid Unicode.

    Names and ids are shorter, so only text that cannot be one is cut.
    """
    return text[:600].encode("utf-8", "replace").decode()


def within(account: str, name: str) -> str:
    """Return a role or principal of an account as `account/name`, unique to the pair.

    `%` and `/` in the account are percent-encoded, so the first `/` ends the account. The name is not encoded.
    """
    return f"{account.replace('%', '%25').replace('/', '%2F')}/{name}"
