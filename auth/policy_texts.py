"""Checking a policy's text before it is kept: it parses, it type-checks, and it can be evaluated at all times."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """What is wrong with a policy's text, as a sentence, and where.

    `line` and `column` count from 1. `column` None: somewhere in the policy that begins in this line.
    """

    line: int
    column: int | None
    message: str


def policy_problems(text: str) -> list[PolicyProblem]:
    """What keeps a text from being a group's policy, in the order of lines; nothing where it can be kept.

    A policy is Cedar of at most 64 KiB, without templates, that type-checks against `cedar.SCHEMA`; its policies have
    different names. An empty text is one, and permits nothing.
    """
    raise NotImplementedError(text)
