"""GraphQL documents drawn from the schema, and the same with their values in variables."""

from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    ArgumentNode,
    NameNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    value_from_ast_untyped,
    visit,
)
from hypothesis import strategies as st
from hypothesis_graphql import from_schema, nodes

from lineal.schema import GRAPH

TIMES: Final = ["2026-03-01T12:00:00Z", "2026-03-01", "2030-01-01T00:00:00+01:00"]
_small = st.sampled_from([*[1, 2, 5] * 8, 0, -1, 2**31 - 1, 2**31]).map(nodes.Int)
_numbers = st.sampled_from([0, 1, -1, 2**31, 2**63, 10**400]).map(nodes.Int) | st.sampled_from([0.5, 1e308]).map(
    nodes.Float
)


def documents(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Queries and mutations of every field, with texts for everything that is sent as one; most values make sense."""
    strings = texts.map(nodes.String)
    anything = strings | _numbers | st.booleans().map(nodes.Boolean)
    times = st.sampled_from(TIMES * 5).map(nodes.String) | strings
    custom = {"ID": strings, "String": strings, "Int": _small, "DateTime": times}
    custom |= {"JSON": anything, "MetricNumber": _numbers}
    return from_schema(GRAPH, custom_scalars=custom, allow_null=False)


class _Hoisting(Visitor):
    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self.declared: dict[str, str] = {}
        self.variables: dict[str, Any] = {}

    def enter_argument(self, node: ArgumentNode, *_: object) -> ArgumentNode:
        name = f"v{len(self.declared)}"
        self.declared[name] = str(self._types.get_input_type())
        self.variables[name] = value_from_ast_untyped(node.value)
        return ArgumentNode(name=node.name, value=VariableNode(name=NameNode(value=name)))


def with_variables(document: str) -> tuple[str, Mapping[str, Any]]:
    """The text of a document with a variable for the value of each argument, and the variables."""
    types = TypeInfo(GRAPH)
    hoisting = _Hoisting(types)
    hoisted = print_ast(visit(parse(document), TypeInfoVisitor(types, hoisting)))
    if not hoisting.declared:
        return hoisted, {}
    declared = ", ".join(f"${name}: {type}" for name, type in hoisting.declared.items())
    word = "mutation" if hoisted.startswith("mutation") else "query"
    return f"{word} ({declared}) {hoisted[hoisted.index('{') :]}", hoisting.variables
