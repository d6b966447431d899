"""How often one principal may ask."""

import pytest

from lineal.http_auth import rate_limit
from lineal.http_auth.rate_limit import RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_of_a_minute_then_a_steady_rate() -> None:
    clock = Clock()
    some = RateLimit(60, clock)
    assert [some.wait("ann") for _ in range(60)] == [0.0] * 60
    assert some.wait("ann") == 1.0
    assert some.wait("bob") == 0.0
    clock.now += 1
    assert some.wait("ann") == 0.0
    assert some.wait("ann") == 1.0
    clock.now += 3600
    assert [some.wait("ann") for _ in range(61)] == [0.0] * 60 + [1.0]


def test_what_is_spent_beyond_a_minute_is_waited_for() -> None:
    clock = Clock()
    budget = RateLimit(600, clock)
    assert budget.wait_for_budget("ann") == 0.0
    budget.spend("ann", 600)
    assert budget.wait_for_budget("ann") == 0.0
    budget.spend("ann", 100)
    assert (budget.wait_for_budget("ann"), budget.wait_for_budget("bob")) == (10.0, 0.0)
    clock.now += 4
    assert budget.wait_for_budget("ann") == 6.0
    clock.now += 6
    assert budget.wait_for_budget("ann") == 0.0
    unlimited = RateLimit(0, clock)
    unlimited.spend("ann", 10**12)
    assert unlimited.wait_for_budget("ann") == 0.0


def test_no_limit() -> None:
    assert not any(RateLimit(0, Clock()).wait("ann") for _ in range(10_000))


def test_idle_principals_are_dropped_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "MAX_PRINCIPALS", 3)
    clock = Clock()
    some = RateLimit(60, clock)
    for _ in range(60):
        some.wait("busy")
    clock.now += 10
    for name in ("a", "b"):
        some.wait(name)
    clock.now += 5
    some.wait("c")
    assert set(some._full_again) == {"busy", "c"}
