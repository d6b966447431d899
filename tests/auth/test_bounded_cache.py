"""Caches of policies: bounded by bytes, least recently used first to go."""

import threading
from dataclasses import replace

import pytest
from memory_access_store import NOON, person

from lineal.auth.bounded_cache import BoundedCache
from lineal.auth.permissions import Permission
from lineal.auth.policy_evaluator import PolicyEvaluator
from lineal.auth.records import LineageGroup

GROUP = LineageGroup("g", "a", "a group", False, "", None, False, NOON, "local/local")


def cache(max_bytes: int) -> BoundedCache[str, str]:
    return BoundedCache(max_bytes, lambda key, value: len(value))


def test_the_least_recently_used_entries_go_first() -> None:
    some = cache(30)
    for key in "abc":
        some.put(key, "x" * 10)
    assert some.get("a") == "x" * 10
    some.put("d", "y" * 10)
    assert [key for key in "abcd" if some.get(key) is not None] == ["a", "c", "d"]
    assert (some.bytes, len(some)) == (30, 3)


def test_an_entry_that_is_replaced_counts_once() -> None:
    some = cache(30)
    for length in (10, 20, 5):
        some.put("a", "x" * length)
    assert (some.bytes, len(some), some.get("a")) == (5, 1, "xxxxx")


def test_an_entry_larger_than_the_cache_is_not_cached() -> None:
    some = cache(30)
    some.put("a", "x" * 10)
    some.put("b", "x" * 31)
    assert (some.get("b"), some.get("a")) == (None, "x" * 10)


def test_concurrent_writers_keep_the_count_of_bytes() -> None:
    some = cache(1_000)

    def write(offset: int) -> None:
        for number in range(2_000):
            some.put(str((number + offset) % 97), "x" * (number % 50))
            some.get(str(number % 13))

    threads = [threading.Thread(target=write, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert some.bytes == sum(len(some.get(str(key)) or "") for key in range(97)) <= 1_000


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
