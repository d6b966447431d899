"""The tokens of a policy's text: where each of its policies begins, and how deep it goes.

Cedar's parser says what is wrong and not where, and recurses as deep as a text makes it: what it is given here is cut
at the policies' ends, and no deeper than it can bear. What a text means is Cedar's affair alone.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_DEPTH: Final = 32
"""The most brackets within brackets. Some 300 end the process that parses them."""
MAX_OPERATORS: Final = 100
"""The most operators and conditions of one policy, which may all be within one another. Some 200 can be too many."""

_TOKEN: Final = re.compile(
    r"""
    (?P<nothing> [^\S\x1c-\x1f]+ | //[^\n\r]* )  # what Python calls space and Unicode does not, is not
    | (?P<text> "(?:\\.|[^"\\])*" )
    | (?P<word> [A-Za-z_0-9]+ )
    | (?P<mark> :: | == | != | <= | >= | && | \|\| | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_OPERATORS: Final = frozenset({"&&", "||", "+", "-", "*", ".", "if", "when", "unless"})


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a text, and where it begins."""

    piece: str
    start: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy of a text: its tokens, the last of which is `;` unless the text ends before."""

    tokens: tuple[Token, ...]

    @property
    def start(self) -> int:
        """Where it begins."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.tokens[-1].start + len(self.tokens[-1].piece)

    @property
    def unclosed(self) -> Token | None:
        """The quotation mark that opens a text and is never closed."""
        return next((token for token in self.tokens if token.piece == '"'), None)

    @property
    def too_deep(self) -> Token | None:
        """The bracket or operator that is one too many for the parser."""
        depth = operators = 0
        for token in self.tokens:
            depth += (token.piece in "([{") - (token.piece in ")]}")
            operators += token.piece in _OPERATORS
            if depth > MAX_DEPTH or operators > MAX_OPERATORS:
                return token
        return None


def statements(text: str) -> list[Statement]:
    """The policies of a text, in their order."""
    found: list[Statement] = []
    tokens: list[Token] = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "nothing":
            continue
        tokens.append(Token(match.group(), match.start()))
        if tokens[-1].piece == ";":
            found.append(Statement(tuple(tokens)))
            tokens = []
    return [*found, Statement(tuple(tokens))] if tokens else found


def place(text: str, offset: int) -> tuple[int, int]:
    """The line and column, from 1, of a place in a text."""
    before = text[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")
