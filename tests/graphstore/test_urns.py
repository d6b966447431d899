"""Identity: what a URN is made of, and the ids made from it."""

import base64
import hashlib
import string
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.graphstore.kinds import AssociationType, EntityKind
from lineal.graphstore.urns import (
    NotAUrn,
    account_problem,
    association_id,
    canonical_beginning,
    canonical_part,
    canonical_urn,
    entity_id,
    make_urn,
    name_problem,
    parse_urn,
)

UNRESERVED = (string.ascii_letters + string.digits + "-._~").encode()
IN_NAMES = UNRESERVED + b"!$&'()*+,;=:/"
KINDS = [kind for kind in EntityKind if kind is not EntityKind.RESTRICTED]
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
pieces = st.sampled_from([*":/@%?#[] é😀aZ0'(!+", "%25", "%4", "lineal", *KINDS])
hostile = st.lists(pieces, min_size=1, max_size=12).map("".join)
segments = texts | hostile
identities = st.tuples(segments, st.sampled_from(KINDS), segments, st.none() | segments)


def encoded(text: str, kept: bytes) -> str:
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in text.encode())


@given(identities)
def test_a_urn_is_its_parts(identity: tuple[str, EntityKind, str, str | None]) -> None:
    account, kind, name, version = identity
    urn = make_urn(*identity)
    parts = f"lineal:{encoded(account, UNRESERVED)}:{kind}:{encoded(name, IN_NAMES)}"
    assert urn == (parts if version is None else f"{parts}@{encoded(version, IN_NAMES)}")
    _, account_part, kind_part, rest = urn.split(":", 3)
    name_part, *version_part = rest.split("@")
    assert (unquote(account_part), kind_part, unquote(name_part)) == (account, kind, name)
    assert [unquote(part) for part in version_part] == ([] if version is None else [version])


@given(identities)
def test_a_urn_is_parsed_to_the_identity_that_it_was_made_of(identity: tuple[str, EntityKind, str, str | None]) -> None:
    assert parse_urn(make_urn(*identity)) == identity
    assert canonical_urn(make_urn(*identity)) == make_urn(*identity)


@given(identities, identities)
def test_distinct_identities_have_distinct_urns(
    one: tuple[str, EntityKind, str, str | None], other: tuple[str, EntityKind, str, str | None]
) -> None:
    assert (make_urn(*one) == make_urn(*other)) is (one == other)


@given(identities)
def test_what_is_encoded_too_much_is_the_same_urn(identity: tuple[str, EntityKind, str, str | None]) -> None:
    account, kind, name, version = identity
    for way in (_quoted, _all_quoted):
        text = f"lineal:{way(account)}:{kind}:{way(name)}" + ("" if version is None else f"@{way(version)}")
        assert canonical_urn(text) == make_urn(*identity)


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _all_quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


@given(st.text(max_size=60) | st.builds("lineal:{}".format, hostile))
def test_any_text_is_one_urn_or_none(text: str) -> None:
    """However hostile: what is read is a URN that reads the same again."""
    try:
        urn = canonical_urn(text)
    except NotAUrn:
        return
    assert canonical_urn(urn) == urn
    if not urn.startswith("lineal:restricted:"):
        assert make_urn(*parse_urn(text)) == urn


@given(identities, st.integers(0, 60))
def test_a_urn_begins_with_what_any_beginning_of_it_is_read_as(
    identity: tuple[str, EntityKind, str, str | None], length: int
) -> None:
    urn = make_urn(*identity)
    assert urn.startswith(canonical_beginning(urn[:length]))
    assert canonical_part(urn[length:]) == urn[length:] or "%" in urn[max(0, length - 2) : length + 1]


@pytest.mark.parametrize(
    ("account", "name", "version", "urn"),
    [
        ("team", "reviews", None, "lineal:team:DATASET:reviews"),
        ("team", "reviews", "1", "lineal:team:DATASET:reviews@1"),
        ("acme", "s3://lake/raw", "7", "lineal:acme:DATASET:s3://lake/raw@7"),
        ("a:b", "c@d", "e%f", "lineal:a%3Ab:DATASET:c%40d@e%25f"),
        ("é", "e\u0301", "~.-_", "lineal:%C3%A9:DATASET:e%CC%81@~.-_"),
        ("a/b", "s3://lake/x y+z?#[]", None, "lineal:a%2Fb:DATASET:s3://lake/x%20y+z%3F%23%5B%5D"),
        ("a", "f(x)=!$&'*,;", "sha256:0", "lineal:a:DATASET:f(x)=!$&'*,;@sha256:0"),
        ("a", "😀", None, "lineal:a:DATASET:%F0%9F%98%80"),
    ],
)
def test_urns_by_example(account: str, name: str, version: str | None, urn: str) -> None:
    assert make_urn(account, EntityKind.DATASET, name, version) == urn


@pytest.mark.parametrize(
    ("text", "urn"),
    [
        ("lineal:acme:DATASET:s3%3A%2F%2Flake%2fraw@7", "lineal:acme:DATASET:s3://lake/raw@7"),
        ("lineal:a:DATASET:my file é", "lineal:a:DATASET:my%20file%20%C3%A9"),
        ("lineal:a:DATASET:100% sure", "lineal:a:DATASET:100%25%20sure"),
        ("lineal:a:DATASET:x@y@z", "lineal:a:DATASET:x%40y@z"),
        ("lineal:a:DATASET:x%40y", "lineal:a:DATASET:x%40y"),
        ("lineal:a b:c:DATASET:x", "lineal:a%20b%3Ac:DATASET:x"),
        ("lineal:a:DATASET:b:MODEL:c", "lineal:a:DATASET:b:MODEL:c"),
        ("lineal:a:DATASET:" + "n" * 4096 + "@" + "v" * 4096, "lineal:a:DATASET:" + "n" * 4096 + "@" + "v" * 4096),
        ("lineal:restricted:" + "A" * 22, "lineal:restricted:" + "A" * 22),
    ],
)
def test_a_urn_is_read_however_much_of_it_is_encoded(text: str, urn: str) -> None:
    assert canonical_urn(text) == urn


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "'' is no URN: write lineal:ACCOUNT:KIND:NAME or lineal:ACCOUNT:KIND:NAME@VERSION, as in lineal:acme"),
        ("urn:x", "'urn:x' is no URN: write lineal:"),
        ("lineal:a:TABLE:x", "'lineal:a:TABLE:x' is no URN: write lineal:"),
        ("lineal:a:RESTRICTED:x", "'lineal:a:RESTRICTED:x' is no URN: write lineal:"),
        ("lineal::DATASET:x", "its account is empty: give it at least one character; write lineal:"),
        ("lineal:a:DATASET:", "its name is empty"),
        ("lineal:a:DATASET:x@", "its version is empty: give it at least one character, and write %40 for an @ that"),
        ("lineal:a:DATASET:%FF", "the name '%FF' of a URN is not UTF-8 once its %XX are decoded"),
        ("lineal:a:DATASET:\ud800", "is not UTF-8"),
        ("lineal:a:DATASET:%00", "its name holds U+0000"),
        ("lineal:" + "a" * 129 + ":DATASET:x", "its account is 129 bytes of UTF-8; the most is 128: shorten it"),
        ("lineal:a:DATASET:" + "n" * 4097, "its name is 4097 bytes of UTF-8; the most is 4096: shorten it"),
        ("lineal:a:DATASET:" + "n" * 99999, "is no URN: write lineal:"),
    ],
)
def test_what_is_no_urn_is_refused(text: str, problem: str) -> None:
    with pytest.raises(NotAUrn) as caught:
        canonical_urn(text)
    assert problem in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("", ""),
        ("lin", "lin"),
        ("lineal:my team", "lineal:my%20team"),
        ("lineal:a:DATASET:s3%3A%2F%2Flake", "lineal:a:DATASET:s3://lake"),
        ("lineal:a:DATASET:my f", "lineal:a:DATASET:my%20f"),
        ("lineal:a:DATASET:x@", "lineal:a:DATASET:x@"),
        ("lineal:a:DATASET:x%e6%97", "lineal:a:DATASET:x%E6%97"),
        ("lineal:a:DATASET:x%e", "lineal:a:DATASET:x%E"),
    ],
)
def test_how_the_beginning_of_a_urn_is_read(text: str, beginning: str) -> None:
    assert canonical_beginning(text) == beginning


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x", None),
        ("x" * 4096, None),
        ("é" * 2048, None),
        ("", "is empty: give it at least one character"),
        ("x" * 4097, "is 4097 bytes of UTF-8; the most is 4096: shorten it"),
        ("é" * 2049, "is 4098 bytes of UTF-8; the most is 4096: shorten it"),
        ("a\x00b", "holds U+0000, which is refused: remove it"),
        ("a\ud800", "holds a lone surrogate, which is not text: send valid Unicode"),
    ],
)
def test_what_no_name_or_version_can_be(text: str, problem: str | None) -> None:
    assert name_problem(text) == problem


def test_an_account_has_at_most_128_bytes() -> None:
    assert account_problem("é" * 64) is None
    assert account_problem("é" * 65) == "is 130 bytes of UTF-8; the most is 128: shorten it"


@given(st.text(max_size=50))
def test_an_id_is_the_prefix_of_the_digest_of_its_urn(urn: str) -> None:
    digest = hashlib.sha256(urn.encode()).digest()
    id = entity_id(urn)
    assert len(id) == 22
    assert base64.urlsafe_b64decode(id + "==") == digest[:16]


def test_ids_by_example() -> None:
    """Ids are in clients' hands and in databases: they stay what they are."""
    one, other = "lineal:a:DATASET:x", "lineal:a:MODEL:y"
    assert entity_id("lineal:team:DATASET:reviews") == "93kqoPAK3KrQWAxdHlr8KQ"
    assert association_id(one, other, AssociationType.PRODUCED, "train") == "x_TG8QI-7_We-_NPn8pW9w"


def test_associations_that_differ_in_one_field_have_different_ids() -> None:
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
