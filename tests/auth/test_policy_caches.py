"""Caches of policies: bounded by bytes, least recently used first to go."""

from dataclasses import replace

import pytest
from memory_access_store import NOON, person

from lineal.auth.permissions import Permission
from lineal.auth.policy_evaluator import PolicyEvaluator
from lineal.auth.records import LineageGroup

GROUP = LineageGroup("g", "a", "a group", False, "", None, False, NOON, "local/local")


def test_parsed_policies_and_decisions_are_bounded_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lineal.auth.policy_evaluator.MAX_PARSED_BYTES", 1_000_000)
    monkeypatch.setattr("lineal.auth.policy_evaluator.MAX_DECISION_BYTES", 100_000)
    evaluator = PolicyEvaluator()
    names = "n" * 2_000
    for number in range(200):
        policy = f'@id("{names}{number}") permit (principal, action, resource);'
        group = replace(GROUP, id=f"group-{number}", policy=policy)
        assert evaluator.decide(person("a"), Permission.READ, group).policies == (f"{names}{number}",)
        assert evaluator.parsed.bytes <= 1_000_000
        assert evaluator.decisions.bytes <= 100_000
    assert 10 < len(evaluator.parsed) < 20
    assert 20 < len(evaluator.decisions) < 50


def test_a_decision_follows_its_policy_text() -> None:
    evaluator = PolicyEvaluator()
    permits = replace(GROUP, policy="permit (principal, action, resource);")
    forbids = replace(GROUP, policy="forbid (principal, action, resource);")
    for _ in range(2):
        assert evaluator.decide(person("a"), Permission.READ, permits).is_allowed
        assert evaluator.decide(person("a"), Permission.READ, forbids).is_forbidden
