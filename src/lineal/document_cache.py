"""GraphQL documents: read and validated once for each text, then kept."""

from collections import OrderedDict
from dataclasses import dataclass
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

from lineal.schema.limits import DocumentLimits

KEPT: Final = 500
"""How many documents are kept."""
KEPT_CHARACTERS: Final = 20_000
"""The longest document worth keeping."""


@dataclass(slots=True)
class Document:
    """A document that can be read: validated when an operation of it first passes the limits."""

    node: DocumentNode
    errors: list[GraphQLError] | None = None


class Unreadable(Exception):
    """The text is no GraphQL document, or too long to be read as one."""

    def __init__(self, message: str, error: GraphQLError | None = None) -> None:
        super().__init__(message)
        self.error = error


class Documents:
    """The documents a server has seen lately."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits) -> None:
        self._schema, self._limits = schema, limits
        self._kept: OrderedDict[str, Document] = OrderedDict()

    def read(self, text: str) -> Document:
        """The document of a text. Raises Unreadable; `error` is there where it is the syntax that is wrong."""
        document = self._kept.get(text)
        if document is not None:
            self._kept.move_to_end(text)
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
        if len(text) <= KEPT_CHARACTERS:
            self._kept[text] = document
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return document

    def operation(self, document: Document, name: str | None) -> OperationDefinitionNode | None:
        """The operation to run; None where the name says none, or the document has several and no name is given."""
        return get_operation_ast(document.node, name)

    def errors(self, document: Document) -> list[GraphQLError]:
        """What validation finds wrong; call it only once `judge` has passed the document."""
        if document.errors is None:
            document.errors = validate(self._schema, document.node, max_errors=20, hide_suggestions=True)
        return document.errors
