"""Regular expressions for the mixed index, in the syntax that Lucene and Elasticsearch share; they match whole texts.

Elasticsearch takes a thousand characters, so long operands are cut: a pattern matches every wanted text, and maybe
more.
"""

from typing import Final

ANYTHING: Final = ".*"
_LONGEST_PART: Final = 32
"""A longer part that repeats itself would take Lucene more steps than it allows."""
LONGEST_PLACE: Final = 24
"""Bounds are compared by so many characters; the text of a number has no more."""
_FIRST, _LAST = "0", "~"
"""The first and the last character that the text of a value may hold."""


def literal(text: str) -> str:
    """The pattern of one text."""
    return "".join(
        character if character.isalnum() or not character.isascii() else "\\" + character for character in text
    )


def holding(part: str) -> str:
    """The pattern of the texts that contain a part."""
    return f"{ANYTHING}{literal(part[:_LONGEST_PART])}{ANYTHING}"


def between(least: str, most: str) -> str | None:
    """The pattern of texts from `least` up to those that start with `most`; None where there are none.

    "" is no bound.
    """
    least, most = least[:LONGEST_PLACE], most[:LONGEST_PLACE]
    same = 0
    while same < min(len(least), len(most)) and least[same] == most[same]:
        same += 1
    start, low, high = least[:same], least[same:], most[same:]
    if not high:
        return start + _from(low)
    if not low:
        return start + _up_to(high)
    if low[0] > high[0]:
        return None
    ways = [low[0] + _from(low[1:]), high[0] + _up_to(high[1:])]
    if within := _characters(_after(low[0]), _before(high[0])):
        ways.append(within + ANYTHING)
    return f"{start}({'|'.join(ways)})"


def _from(least: str) -> str:
    if not least:
        return ANYTHING
    same, later = least[0] + _from(least[1:]), _characters(_after(least[0]), _LAST)
    return f"({same}|{later}{ANYTHING})" if later else same


def _up_to(most: str) -> str:
    if not most:
        return ANYTHING
    same, sooner = most[0] + _up_to(most[1:]), _characters(_FIRST, _before(most[0]))
    return f"({same}|{sooner}{ANYTHING})?" if sooner else f"({same})?"


def _after(character: str) -> str:
    return chr(ord(character) + 1)


def _before(character: str) -> str:
    return chr(ord(character) - 1)


def _characters(first: str, last: str) -> str:
    return f"[{literal(first)}-{literal(last)}]" if first <= last else ""
