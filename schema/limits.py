"""What a document may ask for, judged in one pass over it, before validation and before anything is read.

The pass visits every selection once, each fragment once for each type it is spread on, and multiplies as it returns, so
a document of doubled fragments costs no more to judge than it is long. Numbers saturate.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

MOST: Final = 10**12
"""Where counts saturate."""
PLAIN_LIST: Final = 10
"""How long a list that is no page is taken to be."""
INTROSPECTED_LIST: Final = 8
"""How long a list of the schema's own description is taken to be."""
WALK: Final = 500
"""What a traversal costs that goes further than one association."""
COMPARED: Final = frozenset({("Comparison", "entities"), ("ComparedParameter", "cells"), ("ComparedMetric", "cells")})
"""Lists as long as the list of what is compared, which is the argument `of` around them."""
MOST_COMPARED: Final = 100
"""How long that list is taken to be where it is not known."""
SHORT: Final = {("ParameterCell", "values"): 2, ("MetricCell", "metrics"): 2}
"""How long lists are taken to be that seldom hold more than one."""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """The most a document may have of each."""

    characters: int = 100_000
    tokens: int = 4000
    depth: int = 24
    aliases: int = 200
    directives: int = 100
    repeats: int = 60
    leaves: int = 400
    spreads: int = 100
    values: int = 100_000
    variables: int = 200_000
    variable_depth: int = 120


@dataclass(slots=True)
class Size:
    """What a selection set comes to: how deep, how many directives, and how many values an answer may hold."""

    depth: int = 0
    directives: int = 0
    values: int = 0


@dataclass(slots=True)
class Cost:
    """What a document comes to, as `extensions.cost` shows it; `problem` says what is too much."""

    values: int = 0
    limit: int = 0
    visited: int = 0
    problem: str | None = None


class TooMuch(Exception):
    """The document is past a limit; the message says which, and what to do."""


@dataclass
class _Pass:
    schema: GraphQLSchema
    fragments: dict[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    limits: DocumentLimits
    known: dict[tuple[str, int], Size] = field(default_factory=dict)
    under_way: set[str] = field(default_factory=set)
    aliases: int = 0
    spreads: int = 0
    names: Counter[str] = field(default_factory=Counter)
    leaves: Counter[str] = field(default_factory=Counter)
    visited: int = 0

    def selections(self, node: SelectionSetNode | None, parent: Any, page: int, depth: int) -> Size:
        """A selection set on a type; `page` is the size of the page it is of, where it is a connection's."""
        if depth > self.limits.depth * 2:
            raise TooMuch(_too_deep(self.limits))
        total = Size()
        for selection in node.selections if node else ():
            self.visited += 1
            size = self._selection(selection, parent, page, depth)
            total.depth = max(total.depth, size.depth)
            total.directives = min(MOST, total.directives + size.directives + len(selection.directives or ()))
            total.values = min(MOST, total.values + size.values)
        return total

    def _selection(self, node: Node, parent: Any, page: int, depth: int) -> Size:
        match node:
            case FieldNode():
                return self._field(node, parent, page, depth)
            case InlineFragmentNode():
                self.spreads += 1
                on = self.schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                return self.selections(node.selection_set, on, page, depth + 1)
            case FragmentSpreadNode():
                self.spreads += 1
                return self._fragment(node.name.value, page, depth)
        return Size()

    def _fragment(self, name: str, page: int, depth: int) -> Size:
        definition = self.fragments.get(name)
        if definition is None or name in self.under_way:
            return Size()  # validation says what is wrong with it
        if (name, page) not in self.known:
            self.under_way.add(name)
            on = self.schema.get_type(definition.type_condition.name.value)
            self.known[name, page] = self.selections(definition.selection_set, on, page, depth + 1)
            self.under_way.discard(name)
        return self.known[name, page]

    def _field(self, node: FieldNode, parent: Any, page: int, depth: int) -> Size:
        if node.alias:
            self.aliases += 1
        name = node.name.value
        definition = self._definition(parent, name)
        below = get_named_type(definition.type) if definition else None
        inner = self.selections(node.selection_set, below, self._page(node, definition, page), depth + 1)
        names = self.names if node.selection_set else self.leaves
        names[node.alias.value if node.alias else name] += 1
        times = 1
        if definition and is_composite_type(below) and is_list_type(get_nullable_type(definition.type)):
            times = self._length(node, parent.name, definition, below, page)
        walk = WALK if definition and self._walks(node, definition) else 0
        return Size(inner.depth + 1, inner.directives, min(MOST, walk + times * (1 + inner.values)))

    def _definition(self, parent: Any, name: str) -> GraphQLField | None:
        if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return self.schema.get_field(parent, name)
        return None

    def _page(self, node: FieldNode, definition: GraphQLField | None, page: int) -> int:
        if definition is None:
            return page
        if "first" in definition.args:
            return self._asked(node, definition, "first", 20)
        return self._asked(node, definition, "of", MOST_COMPARED) if "of" in definition.args else page

    def _length(self, node: FieldNode, of: str, definition: GraphQLField, below: Any, page: int) -> int:
        name = node.name.value
        if below.name.startswith("__"):
            return INTROSPECTED_LIST
        if (of, name) in COMPARED:
            return page
        if (of, name) in SHORT:
            return SHORT[of, name]
        if "most" in definition.args:
            return self._asked(node, definition, "most", PLAIN_LIST)
        if "names" in definition.args:
            return self._asked(node, definition, "names", PLAIN_LIST)
        if name in ("nodes", "edges"):
            ids = self._argument(node, "ids")
            return len(ids) if isinstance(ids, list) else page
        return PLAIN_LIST

    def _asked(self, node: FieldNode, definition: GraphQLField, argument: str, otherwise: int) -> int:
        """How much an argument asks for: its number, or how many its list names."""
        given, default = self._argument(node, argument), definition.args[argument].default_value
        sizes = [len(each) if isinstance(each, list) else each for each in (given, default, otherwise)]
        return max(0, min(next(size for size in sizes if isinstance(size, int)), MOST))

    def _walks(self, node: FieldNode, definition: GraphQLField) -> bool:
        return "depth" in definition.args and self._argument(node, "depth") != 1

    def _argument(self, node: FieldNode, name: str) -> Any:
        for argument in node.arguments or ():
            if argument.name.value == name:
                value = argument.value
                if isinstance(value, VariableNode):
                    return self.variables.get(value.name.value)
                if isinstance(value, IntValueNode):
                    return int(value.value[:12])
                if isinstance(value, ListValueNode):
                    return list(value.values)
        return None


def judge(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    limits: DocumentLimits,
) -> Cost:
    """What the operation comes to. Its `problem` is None where it may run."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    root = schema.get_root_type(operation.operation)
    judged = _Pass(schema, fragments, variables, limits)
    cost = Cost(limit=limits.values)
    try:
        size = judged.selections(operation.selection_set, root, 1, 0)
        for name, definition in fragments.items():
            # What this operation does not spread is validated all the same.
            if (name, 1) not in judged.known:
                on = schema.get_type(definition.type_condition.name.value)
                judged.selections(definition.selection_set, on, 1, 0)
        cost.values, cost.visited = size.values, judged.visited
        cost.problem = _problem(judged, size, limits, len(document.definitions))
    except (TooMuch, RecursionError):
        cost.problem = _too_deep(limits)
    return cost


def _too_deep(limits: DocumentLimits) -> str:
    return f"The document nests deeper than {limits.depth} fields: ask for the deeper part in a query of its own."


def _problem(judged: _Pass, size: Size, limits: DocumentLimits, definitions: int) -> str | None:
    if size.depth > limits.depth:
        return _too_deep(limits)
    counts = (
        ("aliases", judged.aliases, limits.aliases),
        ("directives", size.directives, limits.directives),
        ("fragments", judged.spreads + definitions, limits.spreads),
        ("fields of one name with selections of their own", max(judged.names.values(), default=0), limits.repeats),
        ("fields of one name", max(judged.leaves.values(), default=0), limits.leaves),
    )
    for what, found, most in counts:
        if found > most:
            return f"The document has {_shown(found)} {what}; the most is {most}: split it into several queries."
    if size.values > limits.values:
        return (
            f"The answer may hold {_shown(size.values)} values; the most is {limits.values}: ask for smaller pages "
            "with `first`, fewer fields, or fewer levels. A traversal further than `depth: 1` counts as "
            f"{WALK} values, each time."
        )
    return None


def _shown(count: int) -> str:
    return f"{count}" if count < MOST else f"{MOST} or more"


def variables_problem(variables: Mapping[str, Any], limits: DocumentLimits) -> str | None:
    """What is too much in variables, judged without recursion: how many values, and how deep."""
    level: list[Any] = list(variables.values())
    seen, depth = 0, 0
    while level:
        seen, depth = seen + len(level), depth + 1
        if depth > limits.variable_depth:
            return f"A variable nests deeper than {limits.variable_depth}: flatten it."
        following: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                following += value.values()
            elif isinstance(value, list):
                following += value
        level = following
    return (
        None
        if seen <= limits.variables
        else (f"The variables hold {seen} values; the most is {limits.variables}: send several requests.")
    )
