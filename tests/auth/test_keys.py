"""Text and hash of API keys."""

import re

import pytest

from lineal.auth.keys import key_hash, key_id, new_key

SECRET = bytes(32)


def test_keys_have_unique_ids_and_secrets() -> None:
    results = [new_key() for _ in range(100)]
    assert len({id for id, _ in results}) == len({text[17:] for _, text in results}) == 100
    for id, text in results:
        assert re.fullmatch(r"lnl_[a-z2-7]{12}_[A-Za-z0-9_-]{43}", text)
        assert key_id(text) == id


def test_hashes_differ_by_key_and_secret() -> None:
    _, text = new_key()
    assert key_hash(text, SECRET) == key_hash(text, SECRET)
    assert key_hash(text, SECRET) != key_hash(text, b"\x01" * 32)
    assert key_hash(text, SECRET) != key_hash(new_key()[1], SECRET)
    assert text[17:] not in key_hash(text, SECRET)


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "a", str.upper, lambda t: t + "\n", lambda t: ""])
def test_invalid_keys_have_no_id(change: object) -> None:
    assert callable(change)
    assert key_id(change(new_key()[1])) is None
