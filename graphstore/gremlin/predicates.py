"""What JanusGraph's mixed index can be asked of a text beyond equality, in a traversal.

TinkerPop has no word for it, so that it is sent as a type of JanusGraph's own. Of a property with many values the index
asks whether one of them passes.
"""

from dataclasses import dataclass
from typing import Any, Final

from gremlin_python.structure.io.graphbinaryV1 import GraphBinaryWriter, StringIO, int32_pack

_CUSTOM: Final = 0
"""The type code, in GraphBinary, of what TinkerPop does not know."""
_TYPE, _TYPE_CODE = "janusgraph.P", 0x1002
_NOT_NULL: Final = 0
_LONGEST_START: Final = 240
"""Lucene takes a thousand bytes, and no character has more than four."""


@dataclass(frozen=True, slots=True)
class TextTest:
    """A predicate of JanusGraph's own, by its name there, and the text it compares with."""

    name: str
    text: str


def starts_with(text: str) -> TextTest:
    """A text begins with another, of which a long one is cut: more may pass then."""
    return TextTest("textPrefix", text[:_LONGEST_START])


def is_like(pattern: str) -> TextTest:
    """A whole text is one that a regular expression describes; in Lucene's syntax, see `patterns`."""
    return TextTest("textRegex", pattern)


def has_word(start: str) -> TextTest:
    """A text that is indexed by its words holds one that starts so."""
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
    """What writes traversals that hold such tests."""
    return GraphBinaryWriter({TextTest: _TextTestIO})
