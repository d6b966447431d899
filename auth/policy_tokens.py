"""Tokens of a policy's text, to find its statements and their nesting.

Cedar's parser reports an error without its position, and recurses as deep as a text nests, until the process crashes.
This tokenizer therefore splits a text into statements, parsed one by one, and measures their depth before they are
parsed. Cedar alone decides what a text means.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_DEPTH: Final = 32
"""Deepest nesting of brackets. About 300 crash the process that parses them."""
MAX_OPERATORS: Final = 100
"""Largest number of operators and conditions of a statement, which may all nest. About 200 can crash the process."""

_TOKEN: Final = re.compile(
    r"""
    (?P<nothing> [^\S\x1c-\x1f]+ | //[^\n\r]* )  # not what Python, but not Unicode, counts as space
    | (?P<text> "(?:\\.|[^"\\])*" )
    | (?P<word> [A-Za-z_0-9]+ )
    | (?P<mark> :: | == | != | <= | >= | && | \|\| | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_OPERATORS: Final = frozenset({"&&", "||", "+", "-", "*", ".", "if", "when", "unless"})


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a text, and the offset where it begins."""

    piece: str
    start: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy statement of a text. Its last token is `;` unless the text ends before."""

    tokens: tuple[Token, ...]

    @property
    def start(self) -> int:
        """The offset of its first character."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """The offset after its last character."""
        return self.tokens[-1].start + len(self.tokens[-1].piece)

    @property
    def unclosed(self) -> Token | None:
        """The quotation mark of a string that is never closed."""
        return next((token for token in self.tokens if token.piece == '"'), None)

    @property
    def too_deep(self) -> Token | None:
        """The first bracket or operator over the limits."""
        depth = operators = 0
        for token in self.tokens:
            depth += (token.piece in "([{") - (token.piece in ")]}")
            operators += token.piece in _OPERATORS
            if depth > MAX_DEPTH or operators > MAX_OPERATORS:
                return token
        return None


def statements(text: str) -> list[Statement]:
    """Return the statements of a text, in their order."""
    complete: list[Statement] = []
    tokens: list[Token] = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "nothing":
            continue
        tokens.append(Token(match.group(), match.start()))
        if tokens[-1].piece == ";":
            complete.append(Statement(tuple(tokens)))
            tokens = []
    return [*complete, Statement(tuple(tokens))] if tokens else complete


def place(text: str, offset: int) -> tuple[int, int]:
    """Return the line and column, from 1, of an offset."""
    before = text[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")
