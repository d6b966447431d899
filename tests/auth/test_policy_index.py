"""The policy index: what it names, and that decisions with it equal those of evaluating every group's policy."""

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from cedarpy import is_authorized_batch
from drawn_access import ACTIONS, BOB, WHO
from hypothesis import given
from hypothesis import strategies as st
from memory_access_store import NOON, person

from lineal.auth.access_codec import document
from lineal.auth.access_snapshot import AccessSnapshot, Secrets
from lineal.auth.access_store import AccessDelta
from lineal.auth.authorizer import Authorizer
from lineal.auth.cedar import default_policy
from lineal.auth.decisions import Decision
from lineal.auth.permissions import Permission
from lineal.auth.policy_index import PolicyIndex, named_entities
from lineal.auth.policy_tokens import MAX_DEPTH, MAX_OPERATORS
from lineal.auth.policy_validation import policy_problems
from lineal.auth.principals import Principal
from lineal.auth.records import LineageGroup
from lineal.auth.scopes import Boundary, default_group

OVERFLOW = "9223372036854775807 + 1 > 0"
CONDITIONS = [
    "",
    'when { principal in Lineal::Role::"b/analyst" }',
    'unless { principal in Lineal::Account::"b" }',
    'when { principal == Lineal::Principal::"c/cy" } unless { resource in Lineal::Account::"a" }',
    f"when {{ {OVERFLOW} }}",
    f'when {{ principal in Lineal::Role::"b/analyst" && {OVERFLOW} }}',
]
NAMED = [
    BOB,
    Principal("b", "eve"),
    Principal("b", "bob", frozenset({"analyst", "admin"}), frozenset({Permission.READ})),
    Principal("a", "ada", frozenset({"admin"})),
    Principal("c", "cy", frozenset({"analyst"})),
    Principal("c", "b/bob"),
]
PRINCIPALS = [*NAMED, Principal("b", "\ud800"), Principal("c", "cy", frozenset({"\ud800"}))]
CONSTRAINTS = [
    *WHO,
    "principal is Lineal::Principal",
    'principal is Lineal::Principal in Lineal::Role::"b/analyst"',
    'principal in Lineal::Principal::"b/bob"',
    'principal == Lineal::Role::"b/analyst"',
    'principal in Lineal::Group::"one"',
    'principal == Lineal::Principal::"c/cy"',
]
statements = st.builds(
    lambda effect, who, action, condition: f"{effect} ({who}, {action}, resource) {condition};",
    st.sampled_from(["permit", "permit", "forbid"]),
    st.sampled_from(CONSTRAINTS),
    st.sampled_from([*ACTIONS, "action"]),
    st.sampled_from(CONDITIONS),
)
texts = st.lists(statements, max_size=3).map("\n".join) | st.sampled_from(
    [
        "permit everything;",
        "// no policy yet",
        "permit (principal == ?principal, action, resource);",
        default_policy("a"),
        default_policy("b"),
    ]
)
ids = st.sampled_from([default_group("a"), default_group("b"), "one", "two"])


class EveryGroup(PolicyIndex):
    """An index that finds every group for every principal."""

    def __init__(self, groups: Iterable[str]) -> None:
        self.groups = frozenset(groups)

    def groups_for(self, principal: Principal) -> frozenset[str]:
        return self.groups


def snapshot_of(policies: dict[str, str], boundary: Boundary | None = None) -> AccessSnapshot:
    return changed(AccessSnapshot(Secrets(b"k" * 32, b"r" * 32)), policies, boundary)


def changed(snapshot: AccessSnapshot, policies: dict[str, str], boundary: Boundary | None = None) -> AccessSnapshot:
    groups = [
        LineageGroup(id, "b" if id == default_group("b") else "a", id, False, text, boundary, False, NOON, "x")
        for id, text in policies.items()
    ]
    return snapshot.with_delta(AccessDelta(snapshot.epoch + 1, 0, tuple(map(document, groups))))


@given(
    st.dictionaries(ids, texts, max_size=4),
    st.dictionaries(ids, texts | st.just(""), max_size=4),
    # No key of masked ids is made of a name that is not valid Unicode.
    st.tuples(st.sampled_from(PRINCIPALS), st.none()) | st.tuples(st.sampled_from(NAMED), st.just(Boundary.MASK)),
)
def test_indexed_decisions_equal_those_of_every_group(
    first: dict[str, str], then: dict[str, str], reader: tuple[Principal, Boundary | None]
) -> None:
    principal, boundary = reader
    snapshot = changed(snapshot_of(first, boundary), then, boundary)
    whole = replace(snapshot, policy_index=EveryGroup(snapshot.groups))
    indexed, reference = Authorizer(principal, snapshot, NOON), Authorizer(principal, whole, NOON)
    assert indexed.scope == reference.scope
    assert dict(indexed.scope.rules) == dict(reference.scope.rules)
    assert indexed.visible_groups() == reference.visible_groups()
    for group in snapshot.groups:
        assert indexed.permissions(group) == reference.permissions(group)
        for permission in Permission:
            assert indexed.decide(permission, [group]) == reference.decide(permission, [group])
    for permission in Permission:
        assert indexed.decide(permission, snapshot.groups) == reference.decide(permission, snapshot.groups)


@given(st.dictionaries(ids, texts), st.lists(st.dictionaries(ids, texts | st.just("")), max_size=3))
def test_an_updated_index_equals_one_built_at_once(first: dict[str, str], changes: list[dict[str, str]]) -> None:
    index, policies = PolicyIndex().updated(first), dict(first)
    for change in changes:
        index, policies = index.updated(change), policies | change
    at_once = PolicyIndex().updated(policies)
    for principal in PRINCIPALS:
        assert index.groups_for(principal) == at_once.groups_for(principal)
    assert vars(index) == vars(at_once)


@pytest.mark.parametrize(
    ("policy", "names"),
    [
        ("", frozenset()),
        ("// soon", frozenset()),
        ('permit (principal == Lineal::Principal::"a/ada", action, resource);', {("Lineal::Principal", "a/ada")}),
        ('forbid (principal in Lineal::Role::"a/x", action, resource);', {("Lineal::Role", "a/x")}),
        (
            'permit (principal is Lineal::Principal in Lineal::Account::"a", action, resource);',
            {("Lineal::Account", "a")},
        ),
        (default_policy("é"), {("Lineal::Role", "é/admin"), ("Lineal::Account", "é")}),
        ("permit (principal, action, resource);", None),
        ("permit (principal is Lineal::Principal, action, resource);", None),
        (default_policy("a") + "forbid (principal, action, resource);", None),
        ('permit (principal, action, resource) when { principal in Lineal::Account::"a" };', None),
        ("permit (principal == ?principal, action, resource);", None),
        ("permit everything;", None),
        ('permit (principal == Lineal::Principal::"\ud800", action, resource);', None),
    ],
)
def test_named_entities(policy: str, names: set[tuple[str, str]] | None) -> None:
    assert named_entities(policy) == (None if names is None else frozenset(names))


def test_policies_of_other_accounts_are_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for a scope nor for a decision, and after a change only the changed policy is evaluated again."""
    evaluated: list[str] = []

    def counting(requests: list[dict[str, Any]], *args: Any) -> list[Any]:
        evaluated.append(requests[0]["resource"]["id"])
        return is_authorized_batch(requests, *args)

    monkeypatch.setattr("lineal.auth.policy_evaluator.is_authorized_batch", counting)
    accounts = [f"account-{number}" for number in range(50)]
    snapshot = snapshot_of({account: default_policy(account) for account in accounts})
    authorizer = Authorizer(person("account-7"), snapshot, NOON)
    assert list(authorizer.scope.rules) == evaluated == ["account-7"]
    assert not any(authorizer.decide(Permission.READ, [account]).is_allowed for account in accounts[8:])
    assert [group.id for group in authorizer.visible_groups()] == ["account-7"]
    assert set(evaluated) == {"account-7"}

    evaluated.clear()
    everyone = "permit (principal, action, resource);"
    later = changed(snapshot, {"account-9": everyone})
    assert list(Authorizer(person("account-7"), later, NOON).scope.rules) == ["account-7", "account-9"]
    assert evaluated == ["account-9"]


def test_a_principal_without_a_valid_name_is_denied_everything() -> None:
    snapshot = snapshot_of({"one": "permit (principal, action, resource);", "two": default_policy("b"), "three": ""})
    authorizer = Authorizer(person("b", "\ud800"), snapshot, NOON)
    assert {rule.group: rule.forbidden for rule in authorizer.scope.rules.values()} == dict.fromkeys(
        ["one", "two"], frozenset({Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE})
    )
    assert authorizer.decide(Permission.READ, ["two"]) == Decision(is_forbidden=True)


@pytest.mark.parametrize(
    "condition",
    [
        "(" * (MAX_DEPTH - 1) + "true" + ")" * (MAX_DEPTH - 1),
        " && ".join(["true"] * MAX_OPERATORS),
        "if true then " * 49 + "true" + " else false" * 49,
    ],
    ids=["brackets", "operators", "conditions"],
)
def test_the_deepest_policy_is_indexed_and_evaluated_in_a_thread(condition: str) -> None:
    text = f'permit (principal in Lineal::Account::"b", action, resource) when {{ {condition} }};'
    assert policy_problems(text) == []
    results: list[bool] = []

    def evaluate() -> None:
        authorizer = Authorizer(person("b"), snapshot_of({"one": text}), NOON)
        results.append(Permission.READ in authorizer.scope.rules["one"].grants[0].permissions)

    thread = threading.Thread(target=evaluate)
    thread.start()
    thread.join()
    assert results == [True]
