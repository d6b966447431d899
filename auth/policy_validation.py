"""Checking a policy's text before it is kept: it parses, it type-checks, and it can be evaluated."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from cedarpy import PolicySet, validate_policies

from lineal.auth.cedar import SCHEMA
from lineal.auth.policy_tokens import MAX_DEPTH, MAX_OPERATORS, Statement, place, statements

MAX_POLICY_BYTES: Final = 64 * 1024
"""The most bytes of UTF-8 that a group's policy may have."""

_MOST_PROBLEMS: Final = 20
_UNFINISHED: Final = "unexpected end of input"
_MISPLACED: Final = ("unexpected token", "invalid token")
_IMPOSSIBLE: Final = "unable to find an applicable action"
_HINTS: Final = {
    _UNFINISHED: "a policy ends with a semicolon",
    "unrecognized entity type": "the types are Lineal::Account, Lineal::Role, Lineal::Principal and Lineal::Group",
    "unrecognized action": 'actions are written as Lineal::Action::"ReadProperties"',
    _IMPOSSIBLE: (
        "this could never hold, for a principal is a Lineal::Principal, in Lineal::Role and Lineal::Account, and a "
        "resource is a Lineal::Group, in Lineal::Account"
    ),
}


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """What is wrong with a policy's text, as a sentence, and where.

    `line` and `column` count from 1. `column` None: somewhere in the policy that begins in this line.
    """

    line: int
    column: int | None
    message: str


def policy_problems(text: str) -> list[PolicyProblem]:
    """What keeps a text from being a group's policy, the first 20 problems by line; none where it can be one.

    A policy is Cedar of at most 64 KiB, without templates, that type-checks against `cedar.SCHEMA`, and goes no deeper
    than `policy_tokens` says. An empty text is one, and permits nothing.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return [PolicyProblem(1, None, "The policy holds a lone surrogate, which is not text: send valid Unicode.")]
    if size > MAX_POLICY_BYTES:
        return [PolicyProblem(1, None, f"The policy is {size:,} bytes; the most is {MAX_POLICY_BYTES:,}: shorten it.")]
    found = statements(text)
    wrong = (problem for each in found if (problem := _unsafe(text, each) or _unparsed(text, each)))
    problems = list(islice(wrong, _MOST_PROBLEMS))
    if not problems:
        problems = [*_templates(text, found), *_mistyped(text, found)]
    ordered = sorted(problems, key=lambda problem: (problem.line, problem.column or 0, problem.message))
    # Of one place Cedar says the same once for each action.
    return list({(problem.line, problem.column): problem for problem in reversed(ordered)}.values())[
        : -_MOST_PROBLEMS - 1 : -1
    ]


def _unsafe(text: str, statement: Statement) -> PolicyProblem | None:
    """What the parser must not be given."""
    if statement.unclosed:
        return PolicyProblem(*place(text, statement.unclosed.start), "This opens a text that is never closed.")
    if statement.too_deep:
        message = (
            f"A policy has at most {MAX_DEPTH} brackets within brackets and {MAX_OPERATORS} operators: make several of "
            "it, or use a set."
        )
        return PolicyProblem(*place(text, statement.too_deep.start), message)
    return None


def _unparsed(text: str, statement: Statement) -> PolicyProblem | None:
    message = _parse(text[statement.start : statement.end])
    if message is None:
        return None
    offset = _unexpected(text, statement) if message.startswith(_MISPLACED) else None
    return _problem(text, statement, message, offset)


def _parse(text: str) -> str | None:
    """What Cedar's parser has against a text."""
    try:
        PolicySet.from_str(text)
    except ValueError as error:
        return str(error)
    return None


def _unexpected(text: str, statement: Statement) -> int:
    """Where the first token is with which a policy is wrong already, and not merely unfinished."""
    low, high = 0, len(statement.tokens) - 1
    while low < high:
        middle = (low + high) // 2
        token = statement.tokens[middle]
        if _parse(text[statement.start : token.start + len(token.piece)]) == _UNFINISHED:
            low = middle + 1
        else:
            high = middle
    return statement.tokens[low].start


def _templates(text: str, found: list[Statement]) -> Iterator[PolicyProblem]:
    for template in PolicySet.from_str(text).templates():
        statement = found[int(template["id"].removeprefix("policy"))]
        slot = next(token for token in statement.tokens if token.piece == "?")
        message = "Templates are refused, for nothing fills them: name a principal in place of ?principal."
        yield PolicyProblem(*place(text, slot.start), message)


def _mistyped(text: str, found: list[Statement]) -> Iterator[PolicyProblem]:
    errors = validate_policies(text, SCHEMA).errors
    told = {error.policy_id for error in errors if _IMPOSSIBLE not in error.error}
    for error in errors:
        # That it could never hold follows from what else is told of it.
        if error.policy_id not in told or _IMPOSSIBLE not in error.error:
            statement = found[int(error.policy_id.removeprefix("policy"))]
            yield _problem(text, statement, error.error.removeprefix(f"for policy `{error.policy_id}`, "))


def _problem(text: str, statement: Statement, message: str, offset: int | None = None) -> PolicyProblem:
    """A problem, at an offset or at what the message names, where the policy has that just once."""
    said = next((f"{message}: {hint}" for start, hint in _HINTS.items() if message.startswith(start)), message)
    sentence = f"{said[:1].upper()}{said[1:]}."
    if offset is None:
        offset = _named(text, statement, message)
    if offset is None:
        return PolicyProblem(place(text, statement.start)[0], None, sentence)
    return PolicyProblem(*place(text, offset), sentence)


def _named(text: str, statement: Statement, message: str) -> int | None:
    words = re.search(r"`(.+?)`|: (\S+)$", message)
    name = words and (words[1] or words[2])
    if not name:
        return None
    places = [match.start() for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    inside = [start for start in places if statement.start <= start < statement.end]
    return inside[0] if len(inside) == 1 else None
