"""Text predicates of JanusGraph's mixed index: prefixes, regular expressions and words.

TinkerPop has no such predicates: they are sent as a GraphBinary type of JanusGraph's own. A property with several
values passes if one value does.
"""

from dataclasses import dataclass
from typing import Any, Final

from gremlin_python.structure.io.graphbinaryV1 import GraphBinaryWriter, StringIO, int32_pack

_CUSTOM: Final = 0
"""GraphBinary's type code for types that TinkerPop does not define."""
_TYPE, _TYPE_CODE = "janusgraph.P", 0x1002
_NOT_NULL: Final = 0
_LONGEST_START: Final = 240
"""Lucene takes a thousand bytes, and a character has at most four."""


@dataclass(frozen=True, slots=True)
class TextTest:
    """A predicate, by its name in JanusGraph, and the text it compares with."""

    name: str
    text: str


def starts_with(text: str) -> TextTest:
    """The test that a text starts with another; a long one is cut, so that more texts may pass."""
    return TextTest("textPrefix", text[:_LONGEST_START])


def is_like(pattern: str) -> TextTest:
    """The test that a whole text matches a regular expression, in Lucene's syntax (see `patterns`)."""
    return TextTest("textRegex", pattern)


def has_word(start: str) -> TextTest:
    """The test that a text, indexed by words, has a word with a prefix."""
    return TextTest("textContainsPrefix", start)


class _TextTestIO:
    @classmethod
    def dictify(
        cls, test: TextTest, writer: Any, to_extend: bytearray, as_value: bool = False, nullable: bool = True
    ) -> bytearray:
        to_extend.append(_CUSTOM)
        StringIO.dictify(_TYPE, writer, to_extend, True, False)
        to_extend.extend(int32_pack(_TYPE_CODE))
        to_extend.append(_NOT_NULL)
        StringIO.dictify(test.name, writer, to_extend, True, False)
        writer.to_dict(test.text, to_extend)
        return to_extend


def writer() -> GraphBinaryWriter:
    """A serializer of traversals that may contain a TextTest."""
    return GraphBinaryWriter({TextTest: _TextTestIO})
