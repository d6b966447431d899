"""A cache of GraphQL documents, parsed and validated once for each text."""

from dataclasses import dataclass
from sys import getsizeof
from typing import Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    get_operation_ast,
    parse,
    validate,
)

from lineal.bounded_cache import BoundedCache
from lineal.schema.limits import DocumentLimits

MOST_BYTES: Final = 64 * 1024 * 1024
"""About how much all cached documents hold together."""
CACHED_CHARACTERS: Final = 20_000
"""The longest document that is cached."""
_TOKEN_BYTES: Final = 400
"""What a token holds with its nodes and locations: measured at 295 to 560 bytes, whatever the document."""


@dataclass(slots=True)
class Document:
    """A parsed document: validated when an operation of it first passes the limits."""

    node: DocumentNode
    errors: list[GraphQLError] | None = None

    @property
    def weight(self) -> int:
        """About how many bytes this holds."""
        location = self.node.loc
        if location is None:
            return _TOKEN_BYTES
        tokens, token = 0, location.start_token.next
        while token is not None:
            tokens, token = tokens + 1, token.next
        return _TOKEN_BYTES * (tokens + 1) + 2 * getsizeof(location.source.body)


class Unreadable(Exception):
    """The text is no GraphQL document, or too long for one."""

    def __init__(self, message: str, error: GraphQLError | None = None) -> None:
        super().__init__(message)
        self.error = error


class Documents:
    """The documents that a server received last. Only the event loop uses it."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits) -> None:
        self._schema, self._limits = schema, limits
        self._cache: BoundedCache[str, Document] = BoundedCache(MOST_BYTES, lambda _, document: document.weight)

    def read(self, text: str) -> Document:
        """The document of a text. Raises Unreadable, with `error` if the syntax is wrong."""
        document = self._cache.get(text)
        if document is not None:
            return document
        if len(text) > self._limits.characters:
            raise Unreadable(
                f"The document is longer than {self._limits.characters} characters: split it, or move values to "
                "variables."
            )
        try:
            document = Document(parse(text, max_tokens=self._limits.tokens))
        except GraphQLSyntaxError as error:
            if "token" in error.message and str(self._limits.tokens) in error.message:
                raise Unreadable(
                    f"The document is longer than {self._limits.tokens} tokens: split it, or move values to variables."
                ) from error
            raise Unreadable(error.message, error) from error
        except RecursionError as error:
            raise Unreadable("The document nests too deep to be read: flatten it.") from error
        if len(text) <= CACHED_CHARACTERS:
            self._cache.put(text, document)
        return document

    def operation(self, document: Document, name: str | None) -> OperationDefinitionNode | None:
        """The operation to run; None if no operation has the name, or the document has several and `name` is None."""
        return get_operation_ast(document.node, name)

    def errors(self, document: Document) -> list[GraphQLError]:
        """The errors of validation; call this only after `judge` has passed the document."""
        if document.errors is None:
            document.errors = validate(self._schema, document.node, max_errors=20)
        return document.errors
