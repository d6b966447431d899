"""The cache of entity scopes: groups without a rule share an entry, and the number of entries is bounded."""

import pytest

from lineal.auth.permissions import Permission
from lineal.auth.scopes import EVERYTHING, UNLIMITED, Boundary, EntityScope, Grant, GroupRule, Scope

READABLE = GroupRule("readable", (Grant(frozenset({Permission.READ})),))
MASKED = GroupRule("masked", boundary=Boundary.MASK, tells_withheld=True)


def test_groups_without_a_rule_share_one_entity_scope() -> None:
    scope = Scope.of([READABLE])
    hidden = [scope.entity_scope(frozenset({f"group-{number}"}), "DATASET") for number in range(1_000)]
    assert all(each is hidden[0] for each in hidden)
    assert hidden[0] == EntityScope()
    assert scope.entity_scope(frozenset({"readable"}), "DATASET") == EntityScope(True, None)


def test_a_group_without_a_rule_withholds_how_many_are_hidden() -> None:
    scope = Scope.of([MASKED])
    assert scope.entity_scope(frozenset({"masked"}), "DATASET") == EntityScope(
        boundary=Boundary.MASK, tells_withheld=True
    )
    assert scope.entity_scope(frozenset({"masked", "other"}), "DATASET") == EntityScope(boundary=Boundary.MASK)
    assert scope.entity_scope(frozenset(), "DATASET") == EntityScope()


def test_cached_entity_scopes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lineal.auth.scopes.MAX_ENTITY_SCOPES", 10)
    scope = Scope.of([GroupRule(f"group-{number}", READABLE.grants) for number in range(100)])
    for number in range(100):
        assert scope.entity_scope(frozenset({f"group-{number}"}), "DATASET").is_readable
        assert len(scope._entity_scopes) <= 10


def test_a_scope_without_rules_allows_nothing() -> None:
    assert Scope().entity_scope(frozenset({"group"}), "DATASET") == EntityScope()


def test_everything_is_readable_and_crossed_at_any_distance_without_hidden_keys() -> None:
    scope = EVERYTHING.entity_scope(frozenset({"group"}), "DATASET")
    assert scope.is_readable
    assert not scope.is_redacted
    assert not scope.hides("lr")
    assert scope.ascendants == scope.descendants == UNLIMITED


def test_an_entity_without_readable_properties_is_redacted() -> None:
    scope = Scope.of([READABLE]).entity_scope(frozenset({"readable"}), "DATASET")
    assert scope.is_redacted
    assert scope.hides("lr")
    assert scope.ascendants == scope.descendants == 0


def test_a_forbidden_crossing_wins_over_a_grant() -> None:
    grant = Grant(frozenset({Permission.READ, Permission.TRAVERSE}))
    rule = GroupRule("group", (grant,), frozenset({Permission.TRAVERSE}))
    scope = Scope.of([rule]).entity_scope(frozenset({"group"}), "DATASET")
    assert (scope.ascendants, scope.descendants) == (0, 0)
