"""Identity: what a URN is made of, and the ids made from it."""

import base64
import hashlib
import string
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.graphstore.kinds import AssociationType, EntityKind
from lineal.graphstore.urns import association_id, entity_id, make_urn, segment_problem

UNRESERVED = (string.ascii_letters + string.digits + "-._~").encode()
segments = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)


def encoded(text: str) -> str:
    return "".join(chr(byte) if byte in UNRESERVED else f"%{byte:02X}" for byte in text.encode())


@given(segments, st.sampled_from(EntityKind), segments, st.none() | segments)
def test_a_urn_holds_its_parts_and_nothing_else(account: str, kind: EntityKind, name: str, version: str | None) -> None:
    urn = make_urn(account, kind, name, version)
    parts = f"lineal:{encoded(account)}:{kind}:{encoded(name)}"
    assert urn == (parts if version is None else f"{parts}@{encoded(version)}")
    _, account_part, kind_part, rest = urn.split(":")
    name_part, *version_part = rest.split("@")
    assert (unquote(account_part), kind_part, unquote(name_part)) == (account, kind, name)
    assert [unquote(part) for part in version_part] == ([] if version is None else [version])


@pytest.mark.parametrize(
    ("account", "name", "version", "urn"),
    [
        ("team", "reviews", None, "lineal:team:DATASET:reviews"),
        ("team", "reviews", "1", "lineal:team:DATASET:reviews@1"),
        ("a:b", "c@d", "e%f", "lineal:a%3Ab:DATASET:c%40d@e%25f"),
        ("é", "e\u0301", "~.-_", "lineal:%C3%A9:DATASET:e%CC%81@~.-_"),
        ("a", "s3://lake/x y+z", None, "lineal:a:DATASET:s3%3A%2F%2Flake%2Fx%20y%2Bz"),
        ("a", "😀", None, "lineal:a:DATASET:%F0%9F%98%80"),
    ],
)
def test_urns_by_example(account: str, name: str, version: str | None, urn: str) -> None:
    assert make_urn(account, EntityKind.DATASET, name, version) == urn


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x", None),
        ("x" * 512, None),
        ("é" * 85 + "xx", None),
        ("", "is empty: give it at least one character"),
        ("x" * 513, "is 513 bytes once percent-encoded; the most is 512: shorten it"),
        ("é" * 86, "is 516 bytes once percent-encoded; the most is 512: shorten it"),
        ("a\x00b", "holds U+0000, which is refused: remove it"),
        ("a\ud800", "holds a lone surrogate, which is not text: send valid Unicode"),
    ],
)
def test_what_no_account_name_or_version_can_be(text: str, problem: str | None) -> None:
    assert segment_problem(text) == problem


@given(st.text(max_size=50))
def test_an_id_is_the_start_of_the_urns_digest(urn: str) -> None:
    digest = hashlib.sha256(urn.encode()).digest()
    id = entity_id(urn)
    assert len(id) == 22
    assert base64.urlsafe_b64decode(id + "==") == digest[:16]


def test_ids_by_example() -> None:
    """Ids are in clients' hands and in databases: they stay what they are."""
    one, other = "lineal:a:DATASET:x", "lineal:a:MODEL:y"
    assert entity_id("lineal:team:DATASET:reviews") == "93kqoPAK3KrQWAxdHlr8KQ"
    assert association_id(one, other, AssociationType.PRODUCED, "train") == "x_TG8QI-7_We-_NPn8pW9w"


def test_associations_alike_but_in_one_thing_have_other_ids() -> None:
    one, other = "lineal:a:DATASET:x", "lineal:a:MODEL:y"
    produced, derived = AssociationType.PRODUCED, AssociationType.DERIVED_FROM
    ids = [
        association_id(one, other, produced, None),
        association_id(other, one, produced, None),
        association_id(one, other, derived, None),
        association_id(one, other, produced, "train"),
        association_id(one, other, produced, "train "),
        association_id(one, other, produced, " train"),
        association_id(one, other, produced, "Train"),
    ]
    assert len(set(ids)) == len(ids)
    assert {len(id) for id in ids} == {22}
