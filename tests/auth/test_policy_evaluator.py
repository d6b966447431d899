"""What policies say of whom."""

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


def said(policy: str, who: Principal, permission: Permission = Permission.READ, **more: Any) -> Decision:
    return POLICIES.decide(who, permission, group(policy, **more))


def test_the_default_policy_gives_administrators_all_and_members_reading_and_recording() -> None:
    policy = default_policy("a")
    for permission in Permission:
        assert said(policy, person("a", "ada", "admin"), permission).is_allowed
        assert not said(policy, person("b", "ada", "admin"), permission).is_allowed
    allowed = [p.value for p in Permission if said(policy, person("a"), p).is_allowed]
    assert allowed == ["READ", "READ_PROPERTIES", "TRAVERSE", "RECORD", "ASSOCIATE"]
    assert said(policy, person("a")) == Decision(True, False, ("members",))
    assert said(policy, person("a", "ada", "admin")) == Decision(True, False, ("admins", "members"))


def test_policies_are_named_by_their_id_or_their_place() -> None:
    policy = """
    permit (principal, action, resource);
    @id("no deleting") forbid (principal, action == Lineal::Action::"Delete", resource);
    @id permit (principal, action, resource);
    """
    assert said(policy, person("a")) == Decision(True, False, ("policy0", "policy2"))
    assert said(policy, person("a"), Permission.DELETE) == Decision(False, True, ("no deleting",))


def test_an_empty_policy_says_nothing() -> None:
    assert said("", person("a")) == Decision()
    assert said("// soon", person("a")) == Decision()


def test_what_cannot_be_evaluated_or_parsed_forbids() -> None:
    overflow = "permit (principal, action, resource) unless { 9223372036854775807 + 1 > 0 };"
    assert said(f"permit (principal, action, resource); {overflow}", person("a")) == Decision(False, True)
    assert said("permit everything;", person("a")) == Decision(False, True)


def test_a_policy_speaks_for_no_other_group() -> None:
    policy = 'permit (principal, action, resource == Lineal::Group::"other");'
    assert said(policy, person("a"), id="g") == Decision()
    assert said(policy, person("a"), id="other").is_allowed


def test_a_group_is_in_its_account_and_a_principal_in_its_own() -> None:
    policy = 'permit (principal in Lineal::Account::"b", action, resource in Lineal::Account::"a");'
    assert said(policy, person("b")).is_allowed
    assert not said(policy, person("a")).is_allowed
    assert not said(policy, person("b"), account="b").is_allowed


def test_names_in_policies_are_those_shown() -> None:
    assert person("a", "ann@x.org").shown == "a/ann@x.org"
    assert said(
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
    assert said(by_role, person(account, "pat", name)).is_allowed
    assert said(by_name, person(account, name)).is_allowed
    assert said(by_role, person(other[0], "pat", other[1])) == Decision()
    assert said(by_name, person(*other)) == Decision()


@given(names, names, names, names)
def test_a_role_or_principal_is_itself_and_no_other(account: str, name: str, other: str, other_name: str) -> None:
    is_same = (account, name) == (other, other_name)
    by_role = f"permit (principal in Lineal::Role::{quoted(within(account, name))}, action, resource);"
    by_name = f"permit (principal == Lineal::Principal::{quoted(within(account, name))}, action, resource);"
    assert said(by_role, person(account, "pat", name)).is_allowed
    assert said(by_name, person(account, name)).is_allowed
    assert said(by_role, person(other, "pat", other_name)).is_allowed == is_same
    assert said(by_name, person(other, other_name)).is_allowed == is_same
    # Neither is a role for the other kind's sake.
    assert not said(by_role, person(account, name)).is_allowed
    assert not said(by_name, person(account, "someone", name)).is_allowed or name == "someone"


@given(names, names, names)
def test_the_default_policy_is_for_its_own_account_alone(account: str, other: str, role: str) -> None:
    policy = default_policy(account)
    mine, its = default_group(account), dict[str, Any](account=account, id=default_group(account))
    assert said(policy, person(account), **its).is_allowed
    assert said(policy, person(account, "pat", "admin"), Permission.ADMINISTER, **its).is_allowed
    assert said(policy, person(account, "pat", role), Permission.ADMINISTER, **its).is_allowed == (role == "admin")
    if other != account:
        assert said(policy, person(other, "pat", role, "admin", f"{account}/admin", mine), **its) == Decision()


def test_whoever_has_no_name_is_forbidden_all() -> None:
    assert said("permit (principal, action, resource);", person("a", "\ud800")) == Decision(False, True)
