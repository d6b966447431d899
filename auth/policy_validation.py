"""Validation of a policy's text before it is stored: it parses, it type-checks, and it can be evaluated."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from cedarpy import PolicySet, validate_policies

from lineal.auth.cedar import SCHEMA
from lineal.auth.policy_tokens import MAX_DEPTH, MAX_OPERATORS, Statement, place, statements

MAX_POLICY_BYTES: Final = 64 * 1024
"""Largest size of a group's policy in bytes of UTF-8."""

_MOST_PROBLEMS: Final = 20
_UNFINISHED: Final = "unexpected end of input"
_MISPLACED: Final = ("unexpected token", "invalid token")
_IMPOSSIBLE: Final = "unable to find an applicable action"
_HINTS: Final = {
    _UNFINISHED: "a policy ends with a semicolon",
    "unrecognized entity type": "the types are Lineal::Account, Lineal::Role, Lineal::Principal and Lineal::Group",
    "unrecognized action": 'actions are written as Lineal::Action::"ReadProperties"',
    _IMPOSSIBLE: (
        "the policy can never apply: a principal is a Lineal::Principal, in Lineal::Role and Lineal::Account, and a "
        "resource is a Lineal::Group, in Lineal::Account"
    ),
}


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """A problem of a policy's text: a sentence and a position.

    `line` and `column` count from 1. `column` None: somewhere in the statement that begins in this line.
    """

    line: int
    column: int | None
    message: str


def policy_problems(text: str) -> list[PolicyProblem]:
    """Return the first 20 problems of a policy's text by line; none if the policy is valid.

    A valid policy is Cedar of at most 64 KiB, without templates, that type-checks against `cedar.SCHEMA` and nests no
    deeper than the limits of `policy_tokens`. An empty policy is valid, and permits nothing.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return [PolicyProblem(1, None, "The policy holds a lone surrogate, which is not text: send valid Unicode.")]
    if size > MAX_POLICY_BYTES:
        return [PolicyProblem(1, None, f"The policy is {size:,} bytes; the most is {MAX_POLICY_BYTES:,}: shorten it.")]
    parts = statements(text)
    unusable = (problem for part in parts if (problem := _unsafe(text, part) or _unparsed(text, part)))
    problems = list(islice(unusable, _MOST_PROBLEMS))
    if not problems:
        problems = [*_templates(text, parts), *_mistyped(text, parts)]
    ordered = sorted(problems, key=lambda problem: (problem.line, problem.column or 0, problem.message))
    # Cedar repeats a problem for every action.
    return list({(problem.line, problem.column): problem for problem in reversed(ordered)}.values())[
        : -_MOST_PROBLEMS - 1 : -1
    ]


def _unsafe(text: str, statement: Statement) -> PolicyProblem | None:
    """Return why a statement is not safe to parse."""
    if statement.unclosed:
        return PolicyProblem(*place(text, statement.unclosed.start), "This opens a string that is never closed.")
    if statement.too_deep:
        message = (
            f"A policy nests at most {MAX_DEPTH} brackets and has at most {MAX_OPERATORS} operators: split it, or use "
            "a set."
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
    """Return the error of Cedar's parser, None if the text parses."""
    try:
        PolicySet.from_str(text)
    except ValueError as error:
        return str(error)
    return None


def _unexpected(text: str, statement: Statement) -> int:
    """Return the offset of the first token that makes a statement wrong, and not just unfinished."""
    low, high = 0, len(statement.tokens) - 1
    while low < high:
        middle = (low + high) // 2
        token = statement.tokens[middle]
        if _parse(text[statement.start : token.start + len(token.piece)]) == _UNFINISHED:
            low = middle + 1
        else:
            high = middle
    return statement.tokens[low].start


def _templates(text: str, parts: list[Statement]) -> Iterator[PolicyProblem]:
    for template in PolicySet.from_str(text).templates():
        statement = parts[int(template["id"].removeprefix("policy"))]
        slot = next(token for token in statement.tokens if token.piece == "?")
        message = "Templates are not supported, because nothing links them: name a principal in place of ?principal."
        yield PolicyProblem(*place(text, slot.start), message)


def _mistyped(text: str, parts: list[Statement]) -> Iterator[PolicyProblem]:
    errors = validate_policies(text, SCHEMA).errors
    explained = {error.policy_id for error in errors if _IMPOSSIBLE not in error.error}
    for error in errors:
        # An inapplicable policy follows from its other errors, and is not a problem of its own.
        if error.policy_id not in explained or _IMPOSSIBLE not in error.error:
            statement = parts[int(error.policy_id.removeprefix("policy"))]
            yield _problem(text, statement, error.error.removeprefix(f"for policy `{error.policy_id}`, "))


def _problem(text: str, statement: Statement, message: str, offset: int | None = None) -> PolicyProblem:
    """Return a problem at an offset, or where the statement has what the message names exactly once."""
    explained = next((f"{message}: {hint}" for start, hint in _HINTS.items() if message.startswith(start)), message)
    sentence = f"{explained[:1].upper()}{explained[1:]}."
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
