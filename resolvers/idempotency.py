"""Idempotency keys: what a client marks a request with, so that a repeat of it does nothing more."""

from typing import Final

from lineal.graphstore.values import text_problem
from lineal.resolvers.errors import BadInput

MOST_KEY_CHARACTERS: Final = 200
"""The longest idempotency key."""


def checked_key(key: str) -> str:
    """A key, as given. Raises BadInput where it cannot be one."""
    if not key or len(key) > MOST_KEY_CHARACTERS or text_problem(key):
        raise BadInput(f"idempotencyKey must be 1 to {MOST_KEY_CHARACTERS} characters of text: a UUID serves well")
    return key
