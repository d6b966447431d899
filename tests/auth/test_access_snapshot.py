"""Access snapshots: encoding of records, and equality however the deltas arrived."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from cedarpy import AuthzResult, is_authorized_batch
from hypothesis import given
from hypothesis import strategies as st
from memory_access_store import HOUR, NOON, person

from lineal.auth import access_codec
from lineal.auth.access_codec import Record, document
from lineal.auth.access_snapshot import AccessSnapshot, Secrets
from lineal.auth.access_store import AccessDelta, Document
from lineal.auth.authorizer import Authorizer
from lineal.auth.permissions import Permission
from lineal.auth.records import (
    Account,
    ApiKey,
    Invitation,
    InvitationState,
    LineageGroup,
    ResourceShare,
    ShareTarget,
)
from lineal.auth.scopes import Boundary, default_group

ANYONE = "permit (principal, action, resource);"
SECRETS = Secrets(b"k" * 32, b"r" * 32)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
few = st.sampled_from(["a", "b", "a/b", "ä"])
times = st.integers(0, 2**62)
maybe_times = st.none() | times
permissions = st.frozensets(st.sampled_from(Permission))

accounts = st.builds(Account, few, st.booleans(), times, names)
groups = st.builds(
    LineageGroup,
    few.map(default_group) | few,
    few,
    names,
    st.booleans(),
    names,
    st.none() | st.sampled_from(Boundary),
    st.booleans(),
    times,
    names,
)
targets = st.builds(ShareTarget, few, st.none() | names, st.none() | names)
shares = st.builds(
    ResourceShare,
    id=few,
    account=few,
    name=names,
    groups=st.lists(names, min_size=1, max_size=3).map(tuple),
    targets=st.lists(targets, min_size=1, max_size=3).map(tuple),
    actions=permissions,
    kinds=st.none() | st.frozensets(names, max_size=3),
    direction=st.none() | st.sampled_from(["ASCENDANTS", "DESCENDANTS"]),
    depth=st.none() | st.integers(1, 9),
    redacted=st.frozensets(names, max_size=3),
    expires_at=maybe_times,
    created_at=times,
    created_by=names,
    revoked_at=maybe_times,
    revoked_by=st.none() | names,
)
invitations = st.builds(Invitation, few, few, st.sampled_from(InvitationState), maybe_times, st.none() | names)
keys = st.builds(
    ApiKey,
    few,
    few,
    names,
    st.frozensets(names, max_size=3),
    st.none() | permissions,
    names,
    maybe_times,
    times,
    names,
    maybe_times,
    st.none() | names,
)
records: st.SearchStrategy[Record] = st.one_of(accounts, groups, shares, invitations, keys)
READERS = {
    Account: access_codec.account,
    LineageGroup: access_codec.group,
    ResourceShare: access_codec.share,
    Invitation: access_codec.invitation,
    ApiKey: access_codec.key,
}


@given(records)
def test_records_are_decoded_as_they_were_encoded(record: Record) -> None:
    kept = document(record)
    assert kept.content is not None
    again = READERS[type(record)](kept.content)
    assert again == record
    assert type(again) is type(record)
    assert document(again) == kept


def test_documents_are_json_with_sorted_keys() -> None:
    group = LineageGroup("g", "a", "one", False, "", Boundary.MASK, True, NOON, "a/ada")
    assert document(group) == Document(
        "GROUP",
        "g",
        '{"account":"a","boundary":"MASK","created_at":1800000000000000,"created_by":"a/ada","id":"g",'
        '"is_default":false,"name":"one","policy":"","tells_withheld":true}',
    )
    key = ApiKey(
        "k", "a", "ci", frozenset({"z", "b"}), frozenset({Permission.TRAVERSE, Permission.READ}), "", None, 0, "x"
    )
    assert '"permissions":["READ","TRAVERSE"]' in str(document(key).content)
    assert '"roles":["b","z"]' in str(document(key).content)


def newest(changes: Iterable[Document]) -> tuple[Document, ...]:
    return tuple({(each.part, each.id): each for each in changes}.values())


removed = st.builds(lambda record: Document(document(record).part, document(record).id, None), records)


@given(st.lists(st.lists(records.map(document) | removed, max_size=4), max_size=6), st.data())
def test_a_snapshot_after_deltas_equals_one_built_at_once(changes: list[list[Document]], data: st.DataObject) -> None:
    everything = [each for change in changes for each in change]
    at_once = AccessSnapshot(SECRETS).with_delta(AccessDelta(len(changes), 0, newest(everything)))
    after_deltas, seen = AccessSnapshot(SECRETS), 0
    while seen < len(changes):
        until = data.draw(st.integers(seen + 1, len(changes)))
        delta = newest(each for change in changes[seen:until] for each in change)
        after_deltas, seen = after_deltas.with_delta(AccessDelta(until, 0, delta)), until
    for name in ("epoch", "members_at", "accounts", "groups", "shares", "invitations", "keys"):
        assert getattr(after_deltas, name) == getattr(at_once, name)
    for account in ("a", "b", "a/b", "ä"):
        assert sorted(share.id for share in after_deltas.shares_for(account)) == sorted(
            share.id for share in at_once.shares_for(account)
        )


def test_an_older_snapshot_does_not_change() -> None:
    before = AccessSnapshot(SECRETS)
    after = before.with_delta(AccessDelta(1, 1, (document(Account("a", False, NOON, "local/local")),)))
    assert (before.epoch, dict(before.accounts)) == (0, {})
    assert (after.epoch, after.members_at, list(after.accounts)) == (1, 1, ["a"])
    with pytest.raises(TypeError):
        after.accounts["b"] = after.accounts["a"]  # type: ignore[index]


def test_groups_of_an_account_are_sorted_with_the_default_first() -> None:
    results = [
        LineageGroup(name, "a", name, name == "default", "", None, False, NOON, "x") for name in ("z", "default", "b")
    ]
    snapshot = AccessSnapshot(SECRETS).with_delta(AccessDelta(1, 0, tuple(map(document, results))))
    assert [group.name for group in snapshot.groups_of("a")] == ["default", "b", "z"]
    assert snapshot.groups_of("b") == []


@pytest.mark.parametrize(
    ("state", "expires_at", "then"),
    [
        ("PENDING", None, "PENDING"),
        ("PENDING", NOON + 1, "PENDING"),
        ("PENDING", NOON, "EXPIRED"),
        ("ACCEPTED", NOON, "EXPIRED"),
        ("REJECTED", NOON, "REJECTED"),
    ],
)
def test_an_invitation_expires_with_its_share(state: str, expires_at: int | None, then: str) -> None:
    share = ResourceShare(
        "s", "a", "s", ("g",), (ShareTarget("b"),), frozenset(), None, None, None, frozenset(), expires_at, 0, "x"
    )
    assert Invitation("s", "b", InvitationState(state)).state_at(share, NOON) == then


def test_a_key_is_usable_until_it_expires_or_is_revoked() -> None:
    key = ApiKey("k", "a", "ci", frozenset({"eng"}), frozenset({Permission.READ}), "", NOON + HOUR, NOON, "x")
    assert key.is_usable(NOON + HOUR - 1)
    assert not key.is_usable(NOON + HOUR)
    assert key.principal == person("a", "ci", "eng", limited_to=frozenset({Permission.READ}))
    revoked = ApiKey("k", "a", "ci", frozenset(), None, "", None, NOON, "x", NOON, "x")
    assert not revoked.is_usable(NOON)


def test_policies_are_evaluated_once_for_a_group_and_principal(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often access is asked for, and whatever else changes in between."""
    asked: list[int] = []

    def counting(requests: list[dict[str, Any]], *args: Any) -> list[AuthzResult]:
        asked.append(len(requests))
        return is_authorized_batch(requests, *args)

    monkeypatch.setattr("lineal.auth.policy_evaluator.is_authorized_batch", counting)
    groups = [LineageGroup(f"g{n}", "a", "", False, f"//{n}\n" + ANYONE, None, False, NOON, "x") for n in range(1_000)]
    snapshot = AccessSnapshot(SECRETS).with_delta(AccessDelta(1, 0, tuple(map(document, groups))))
    assert len(Authorizer(person("a"), snapshot, NOON).scope.rules) == 1_000
    assert asked == [3] * 1_000
    changed = document(replace(groups[7], policy=""))
    later = snapshot.with_delta(AccessDelta(2, 0, (changed, document(Account("b", False, NOON, "x")))))
    assert len(Authorizer(person("a"), later, NOON).scope.rules) == 999
    assert len(asked) == 1_000
    limited = person("a", limited_to=frozenset({Permission.READ}))
    assert len(Authorizer(limited, later, NOON).scope.rules) == 999
    assert len(asked) == 1_000
