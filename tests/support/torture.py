"""How far a rung of the ladder climbs: a short way in the ordinary suite, the whole way under `scripts/torture`.

TORTURE_MINUTES is what `scripts/torture` sets: `whole`, or the minutes that all rungs share. TORTURE_SEED is the seed
of every random choice; the ordinary suite always draws the same.
"""

import os
from collections.abc import Iterator
from random import Random
from time import monotonic
from typing import Final

MINUTES: Final = os.environ.get("TORTURE_MINUTES", "")
SEED: Final = int(os.environ.get("TORTURE_SEED", "1"))


def rounds(short: int, whole: int, share: float) -> Iterator[int]:
    """The numbers of the rounds to run, from 0: `short` of them in the ordinary suite, `whole` in a whole climb.

    Under a number of minutes, rounds begin until the share of that time is over, and at least `short` of them.
    """
    if MINUTES in ("", "whole"):
        yield from range(whole if MINUTES else short)
        return
    end, number = monotonic() + float(MINUTES) * 60 * share, 0
    while number < short or monotonic() < end:
        yield number
        number += 1


def chance(name: str) -> Random:
    """Random choices that only the seed and the name determine."""
    return Random(f"{SEED} {name}")


def percentile(values: list[float], share: float) -> float:
    """The value that a share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
