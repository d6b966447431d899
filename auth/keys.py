"""API keys: their text, what of it is kept, and how one is recognised.

A key is `lnl_{id}_{secret}`. The id, 12 characters of base32, says which key it is and may be shown; the secret, 32
random bytes as 43 characters of base64url, is shown once and never kept. What is kept is `key_hash`.
"""

import re
from base64 import b32encode
from hmac import new
from secrets import token_bytes, token_urlsafe
from typing import Final

_KEY: Final = re.compile(r"lnl_([a-z2-7]{12})_[A-Za-z0-9_-]{43}")


def new_key() -> tuple[str, str]:
    """The id and the text of a new key."""
    id = b32encode(token_bytes(10)).decode().lower()[:12]
    return id, f"lnl_{id}_{token_urlsafe(32)}"


def key_hash(text: str, secret: bytes) -> str:
    """HMAC-SHA256 of a key's whole text, in hex. Whoever steals what is kept cannot even test guesses without `secret`.

    A slow hash would add nothing: 256 random bits are beyond guessing, however fast a guess is tested.
    """
    return new(secret, text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def key_id(text: str) -> str | None:
    """The id in a key's text; None where the text is no key."""
    found = _KEY.fullmatch(text)
    return found and found[1]
