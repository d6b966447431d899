"""What is wrong with a policy, and where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.auth.cedar import default_policy, quoted
from lineal.auth.policy_validation import policy_problems

ANYONE = "permit (principal, action, resource);"


def when(condition: str) -> str:
    return f"permit (principal, action, resource) when {{ {condition} }};"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "// nothing yet\n",
        ANYONE,
        ANYONE * 1_000,
        '@id("all") permit (principal, action, resource);',
        'forbid (principal in Lineal::Role::"a/b", action == Lineal::Action::"ReadDeleted", resource);',
        when('principal in Lineal::Account::"a" && !(principal == Lineal::Principal::"a/b;c // \\" d")'),
        when(" || ".join(["true"] * 100)),
        "permit (principal, action, resource) // ; ([{\n;",
    ],
)
def test_valid_policies(text: str) -> None:
    assert policy_problems(text) == []


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "permit (principal,\n  action,\n  resourc);",
            [(3, 3, "Found an invalid variable in the policy scope: resourc.")],
        ),
        (f"{ANYONE}\n\n {when('1 === 2')}", [(3, 50, "Unexpected token `=`.")]),
        (f"{ANYONE}\n é", [(2, 2, "Invalid token.")]),
        (f"{ANYONE}\n \x1f", [(2, 2, "Invalid token.")]),
        ("permit (principal, action);", [(1, None, "This policy is missing the `resource` variable in the scope.")]),
        (f"{ANYONE}\npermit", [(2, None, "Unexpected end of input: a policy ends with a semicolon.")]),
        (f"{ANYONE}\n" + when('"a'), [(2, 45, "This opens a string that is never closed.")]),
        (
            'permit (principal == "x", action, resource);\npermit (principal == "y", action, resource);',
            [
                (1, 22, 'Expected an entity uid or matching template slot, found literal `"x"`.'),
                (2, 22, 'Expected an entity uid or matching template slot, found literal `"y"`.'),
            ],
        ),
        (
            'permit (principal,\n action == Lineal::Action::"Reed", resource);',
            [
                (
                    2,
                    12,
                    'Unrecognized action `Lineal::Action::"Reed"`: actions are written as '
                    'Lineal::Action::"ReadProperties".',
                )
            ],
        ),
        (
            'permit (principal == Principal::"x", action, resource);',
            [
                (
                    1,
                    22,
                    "Unrecognized entity type `Principal`: the types are Lineal::Account, Lineal::Role, "
                    "Lineal::Principal and Lineal::Group.",
                )
            ],
        ),
        (
            f'{ANYONE}\npermit (principal in Lineal::Group::"x", action, resource);',
            [
                (
                    2,
                    None,
                    "Unable to find an applicable action given the policy scope constraints: the policy can never "
                    "apply: a principal is a Lineal::Principal, in Lineal::Role and Lineal::Account, and a resource is "
                    "a Lineal::Group, in Lineal::Account.",
                )
            ],
        ),
        (
            f"{ANYONE}\n" + when("principal.mood == 1"),
            [(2, 55, "Attribute `mood` on entity type `Lineal::Principal` not found.")],
        ),
        (when("context.ip == 1"), [(1, 53, 'Attribute `ip` in context for Lineal::Action::"Administer" not found.')]),
        (f"{ANYONE}\n" + when("1"), [(2, None, "Unexpected type: expected Bool but saw Long.")]),
        (
            f"{ANYONE}\npermit (principal == ?principal, action, resource);\n{when('1')}",
            [
                (
                    2,
                    22,
                    "Templates are not supported, because nothing links them: name a principal in place of ?principal.",
                ),
                (3, None, "Unexpected type: expected Bool but saw Long."),
            ],
        ),
        (" " * 65_537, [(1, None, "The policy is 65,537 bytes; the most is 65,536: shorten it.")]),
        ("\ud800", [(1, None, "The policy holds a lone surrogate, which is not text: send valid Unicode.")]),
    ],
)
def test_problems_name_their_line(text: str, problems: list[tuple[int, int | None, str]]) -> None:
    assert [(each.line, each.column, each.message) for each in policy_problems(text)] == problems


TOO_DEEP = "A policy nests at most 32 brackets and has at most 100 operators: split it, or use a set."


@pytest.mark.parametrize(
    "condition",
    [
        "(" * 30_000 + "true" + ")" * 30_000,
        "(" * 400 + "true" + ")" * 400,
        "{a: " * 8_000 + "1" + "}" * 8_000 + " == 1",
        "[" * 30_000 + "]" * 30_000 + " == []",
        "if true then " * 2_500 + "true" + " else true" * 2_500,
        "principal" + ".a" * 30_000,
        "1" + "+1" * 30_000 + " == 1",
        " || ".join(["true"] * 5_000),
        "// )))\n" * 3 + "((( // ))\n" * 2_000,
        '(")" == ' * 4_000,
    ],
)
def test_input_that_would_crash_the_parser_is_refused_before_it(condition: str) -> None:
    (problem,) = policy_problems(f"{ANYONE}\n" + when(condition))
    assert problem.message == TOO_DEEP
    assert problem.line >= 2


def test_the_list_of_problems_is_cut() -> None:
    assert len(policy_problems("x;" * 1_000)) == 20
    assert [each.line for each in policy_problems("permit (principal, action, resource) when { 1 };\n" * 100)] == list(
        range(1, 21)
    )


@given(st.text(max_size=300) | st.text('([{}])"\\/;\n ait.&|?@', max_size=300))
def test_every_problem_lies_within_the_text(text: str) -> None:
    lines = text.split("\n")
    for problem in policy_problems(text):
        assert 1 <= problem.line <= len(lines)
        assert problem.column is None or 1 <= problem.column <= len(lines[problem.line - 1])
        assert problem.message.endswith(".")


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_the_default_policy_of_any_account_is_valid(account: str) -> None:
    assert policy_problems(default_policy(account)) == []
    assert policy_problems(f"permit (principal == Lineal::Principal::{quoted(account)}, action, resource);") == []
