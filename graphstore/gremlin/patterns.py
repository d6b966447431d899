"""Regular expressions for the mixed index, in the syntax that Lucene and Elasticsearch share; each is of a whole text.

Elasticsearch takes a thousand characters. So long operands are cut: what a pattern finds is all that is asked for, and
maybe more.
"""

from typing import Final

ANYTHING: Final = ".*"
_LONGEST_PART: Final = 32
"""Of a part that repeats itself a longer one takes Lucene more steps than it allows."""
LONGEST_PLACE: Final = 24
"""Of places in the order of values so many characters are looked at; a number's text is no longer."""
_FIRST, _LAST = "0", "~"
"""The characters of the texts of values lie between these."""


def literal(text: str) -> str:
    """A text that stands for itself."""
    return "".join(each if each.isalnum() or not each.isascii() else "\\" + each for each in text)


def holding(part: str) -> str:
    """Texts that hold a part somewhere."""
    return f"{ANYTHING}{literal(part[:_LONGEST_PART])}{ANYTHING}"


def between(least: str, most: str) -> str | None:
    """Texts of values from one on, to those that begin with another; None where there are none.

    "" as `least` or as `most` is no bound.
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
