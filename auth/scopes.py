"""Scopes: what a caller may read and cross, as frozen data that every store read verb takes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """What a caller may read and cross.

    A scope that does not say `everything` allows nothing: stores fail closed on it.
    """

    everything: bool = False


EVERYTHING = Scope(everything=True)
