"""Text and hash of API keys.

The text of a key is `lnl_{id}_{secret}`. The id, 12 characters of base32, is public. The secret, 32 random bytes as 43
characters of base64url, is shown once and never stored; the store holds `key_hash` of the text.
"""

import re
from base64 import b32encode
from hmac import new
from secrets import token_bytes, token_urlsafe
from typing import Final

_KEY: Final = re.compile(r"lnl_([a-z2-7]{12})_[A-Za-z0-9_-]{43}")


def new_key() -> tuple[str, str]:
    """Return the id and the text of a new key."""
    id = b32encode(token_bytes(10)).decode().lower()[:12]
    return id, f"lnl_{id}_{token_urlsafe(32)}"


def key_hash(text: str, secret: bytes) -> str:
    """Return HMAC-SHA256 of the whole text of a key, in hex.

    Without `secret`, stolen hashes cannot be tested against guesses. A slow hash would add nothing: 256 random bits
    cannot be guessed, however fast guesses are tested.
    """
    return new(secret, text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def key_id(text: str) -> str | None:
    """Return the id in the text of a key, None if the text is not one."""
    match = _KEY.fullmatch(text)
    return match and match[1]
