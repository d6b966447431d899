"""Evaluation of policies by Cedar."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_access_store import NOON, person

from lineal.auth.cedar import default_policy, quoted
from lineal.auth.decisions import Decision
from lineal.auth.names import within
from lineal.auth.permissions import Permission
from lineal.auth.policy_evaluator import PolicyEvaluator
from lineal.auth.principals import Principal
from lineal.auth.records import LineageGroup
from lineal.auth.scopes import default_group

POLICIES = PolicyEvaluator()
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8) | st.text('ab/%"\\\n*:', min_size=1, max_size=5)


def group(policy: str, account: str = "a", id: str = "g") -> LineageGroup:
    return LineageGroup(id, account, "a group", False, policy, None, False, NOON, "local/local")


def decided(policy: str, who: Principal, permission: Permission = Permission.READ, **more: Any) -> Decision:
    return POLICIES.decide(who, permission, group(policy, **more))


def test_the_default_policy_permits_administrators_everything_and_members_to_read_and_record() -> None:
    policy = default_policy("a")
    for permission in Permission:
        assert decided(policy, person("a", "ada", "admin"), permission).is_allowed
        assert not decided(policy, person("b", "ada", "admin"), permission).is_allowed
    allowed = [p.value for p in Permission if decided(policy, person("a"), p).is_allowed]
    assert allowed == ["READ", "READ_PROPERTIES", "TRAVERSE", "RECORD", "ASSOCIATE"]
    assert decided(policy, person("a")) == Decision(True, False, ("members",))
    assert decided(policy, person("a", "ada", "admin")) == Decision(True, False, ("admins", "members"))


def test_policies_are_named_by_id_or_position() -> None:
    policy = """
    permit (principal, action, resource);
    @id("no deleting") forbid (principal, action == Lineal::Action::"Delete", resource);
    @id permit (principal, action, resource);
    """
    assert decided(policy, person("a")) == Decision(True, False, ("policy0", "policy2"))
    assert decided(policy, person("a"), Permission.DELETE) == Decision(False, True, ("no deleting",))


def test_an_empty_policy_decides_nothing() -> None:
    assert decided("", person("a")) == Decision()
    assert decided("// soon", person("a")) == Decision()


def test_a_policy_that_cannot_be_parsed_or_evaluated_forbids() -> None:
    overflow = "permit (principal, action, resource) unless { 9223372036854775807 + 1 > 0 };"
    assert decided(f"permit (principal, action, resource); {overflow}", person("a")) == Decision(False, True)
    assert decided("permit everything;", person("a")) == Decision(False, True)


def test_a_policy_decides_for_its_own_group_only() -> None:
    policy = 'permit (principal, action, resource == Lineal::Group::"other");'
    assert decided(policy, person("a"), id="g") == Decision()
    assert decided(policy, person("a"), id="other").is_allowed


def test_a_group_is_in_its_account_and_a_principal_in_its_own() -> None:
    policy = 'permit (principal in Lineal::Account::"b", action, resource in Lineal::Account::"a");'
    assert decided(policy, person("b")).is_allowed
    assert not decided(policy, person("a")).is_allowed
    assert not decided(policy, person("b"), account="b").is_allowed


def test_names_in_policies_are_account_and_name() -> None:
    assert person("a", "ann@x.org").shown == "a/ann@x.org"
    assert decided(
        'permit (principal == Lineal::Principal::"a/ann@x.org", action, resource);', person("a", "ann@x.org")
    ).is_allowed
    assert person("a/b", "c").shown == "a%2Fb/c"
    assert person("a%2Fb", "c").shown == "a%252Fb/c"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a/b", "c"), ("a", "b/c")),
        (("a%2Fb", "c"), ("a/b", "c")),
        (("a", "é"), ("a", "e\u0301")),
        (("a", "x\n"), ("a", "x")),
        (("a", 'x" || true || "'), ("a", "x")),
        (("a", "A"), ("a", "a")),
    ],
)
def test_names_that_might_be_confused_are_not(one: tuple[str, str], other: tuple[str, str]) -> None:
    account, name = one
    by_role = f"permit (principal in Lineal::Role::{quoted(within(account, name))}, action, resource);"
    by_name = f"permit (principal == Lineal::Principal::{quoted(within(account, name))}, action, resource);"
    assert decided(by_role, person(account, "pat", name)).is_allowed
    assert decided(by_name, person(account, name)).is_allowed
    assert decided(by_role, person(other[0], "pat", other[1])) == Decision()
    assert decided(by_name, person(*other)) == Decision()


@given(names, names, names, names)
def test_a_role_or_principal_is_itself_and_no_other(account: str, name: str, other: str, other_name: str) -> None:
    is_same = (account, name) == (other, other_name)
    by_role = f"permit (principal in Lineal::Role::{quoted(within(account, name))}, action, resource);"
    by_name = f"permit (principal == Lineal::Principal::{quoted(within(account, name))}, action, resource);"
    assert decided(by_role, person(account, "pat", name)).is_allowed
    assert decided(by_name, person(account, name)).is_allowed
    assert decided(by_role, person(other, "pat", other_name)).is_allowed == is_same
    assert decided(by_name, person(other, other_name)).is_allowed == is_same
    # Neither is a role for the other kind's sake.
    assert not decided(by_role, person(account, name)).is_allowed
    assert not decided(by_name, person(account, "someone", name)).is_allowed or name == "someone"


@given(names, names, names)
def test_the_default_policy_is_for_its_own_account_only(account: str, other: str, role: str) -> None:
    policy = default_policy(account)
    mine, its = default_group(account), dict[str, Any](account=account, id=default_group(account))
    assert decided(policy, person(account), **its).is_allowed
    assert decided(policy, person(account, "pat", "admin"), Permission.ADMINISTER, **its).is_allowed
    assert decided(policy, person(account, "pat", role), Permission.ADMINISTER, **its).is_allowed == (role == "admin")
    if other != account:
        assert decided(policy, person(other, "pat", role, "admin", f"{account}/admin", mine), **its) == Decision()


def test_a_principal_without_a_valid_name_is_forbidden_everything() -> None:
    assert decided("permit (principal, action, resource);", person("a", "\ud800")) == Decision(False, True)
