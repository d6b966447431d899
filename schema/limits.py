"""Size limits of GraphQL documents, checked in one pass before validation and before any read.

The pass visits every selection once, and every fragment once per page size that it is spread in, and multiplies counts
on the way back, so that the pass over fragments nested in fragments is not exponential. Counts saturate.
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

MAX_COUNT: Final = 10**12
"""The value at which counts saturate."""
ASSUMED_LIST: Final = 10
"""Assumed length of a list that is not a page."""
ASSUMED_INTROSPECTED_LIST: Final = 8
"""Assumed length of a list of the introspection schema."""
TRAVERSAL_COST: Final = 500
"""Cost, in values, of a traversal of more than one hop, and of a search for the trials of components."""
LEAF_COSTS: Final = {("QuarantinedDocument", "document"): 500}
"""Cost, in values, of leaves that may hold megabytes."""
COMPARED_LISTS: Final = frozenset(
    {
        ("Comparison", "entities"),
        ("Comparison", "differingOnlyIn"),
        ("ComparedParameter", "cells"),
        ("ComparedMetric", "cells"),
    }
)
"""Lists with one item per compared entity, which the argument `of` or `first` of the comparison around them counts."""
ASSUMED_COMPARED: Final = 100
"""Assumed number of compared entities if the argument is not known."""
ASSUMED_SHORT_LISTS: Final = {("ParameterCell", "values"): 2, ("MetricCell", "metrics"): 2}
"""Assumed lengths of lists that seldom have more than one item."""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Maximum counts of a document."""

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
    """Size of a selection set: its depth, its directives, and the values that its answer may hold."""

    depth: int = 0
    directives: int = 0
    values: int = 0


@dataclass(slots=True)
class Cost:
    """Cost of a document, as `extensions.cost` shows it; `problem` is the limit that it exceeds, if any."""

    values: int = 0
    limit: int = 0
    visited: int = 0
    problem: str | None = None


class DocumentTooDeep(Exception):
    """The document nests too deep; the message has the remedy."""


@dataclass
class _Pass:
    schema: GraphQLSchema
    fragments: dict[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    limits: DocumentLimits
    sizes: dict[tuple[str, int], Size] = field(default_factory=dict)
    open_fragments: set[str] = field(default_factory=set)
    aliases: int = 0
    spreads: int = 0
    names: Counter[str] = field(default_factory=Counter)
    leaves: Counter[str] = field(default_factory=Counter)
    visited: int = 0

    def selections(self, node: SelectionSetNode | None, parent: Any, page: int, depth: int) -> Size:
        """The size of a selection set on a type; `page` is the size of the connection's page that contains it."""
        if depth > self.limits.depth * 2:
            raise DocumentTooDeep(_too_deep(self.limits))
        total = Size()
        for selection in node.selections if node else ():
            self.visited += 1
            size = self._selection(selection, parent, page, depth)
            total.depth = max(total.depth, size.depth)
            total.directives = min(MAX_COUNT, total.directives + size.directives + len(selection.directives or ()))
            total.values = min(MAX_COUNT, total.values + size.values)
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
        if definition is None or name in self.open_fragments:
            return Size()  # validation reports the error
        if (name, page) not in self.sizes:
            self.open_fragments.add(name)
            on = self.schema.get_type(definition.type_condition.name.value)
            self.sizes[name, page] = self.selections(definition.selection_set, on, page, depth + 1)
            self.open_fragments.discard(name)
        return self.sizes[name, page]

    def _field(self, node: FieldNode, parent: Any, page: int, depth: int) -> Size:
        if node.alias:
            self.aliases += 1
        name = node.name.value
        definition = self._definition(parent, name)
        inner_type = get_named_type(definition.type) if definition else None
        inner = self.selections(node.selection_set, inner_type, self._page(node, definition, page), depth + 1)
        names = self.names if node.selection_set else self.leaves
        names[node.alias.value if node.alias else name] += 1
        times = 1
        if definition and is_composite_type(inner_type) and is_list_type(get_nullable_type(definition.type)):
            times = self._length(node, parent.name, definition, inner_type, page)
        walk = TRAVERSAL_COST if definition and self._walks(node, definition) else 0
        if definition:
            walk += LEAF_COSTS.get((parent.name, name), 0)
        return Size(inner.depth + 1, inner.directives, min(MAX_COUNT, walk + times * (1 + inner.values)))

    def _definition(self, parent: Any, name: str) -> GraphQLField | None:
        if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return self.schema.get_field(parent, name)
        return None

    def _page(self, node: FieldNode, definition: GraphQLField | None, page: int) -> int:
        if definition is None:
            return page
        if "of" in definition.args and self._argument(node, "of") is not None:
            return self._list_size(node, definition, "of", ASSUMED_COMPARED)
        return self._list_size(node, definition, "first", 20) if "first" in definition.args else page

    def _length(self, node: FieldNode, parent_name: str, definition: GraphQLField, inner_type: Any, page: int) -> int:
        name = node.name.value
        if inner_type.name.startswith("__"):
            return ASSUMED_INTROSPECTED_LIST
        if (parent_name, name) in COMPARED_LISTS:
            return page
        if (parent_name, name) in ASSUMED_SHORT_LISTS:
            return ASSUMED_SHORT_LISTS[parent_name, name]
        if "most" in definition.args:
            return self._list_size(node, definition, "most", ASSUMED_LIST)
        if "names" in definition.args:
            return self._list_size(node, definition, "names", ASSUMED_LIST)
        if name in ("nodes", "edges"):
            ids = self._argument(node, "ids")
            return len(ids) if isinstance(ids, list) else page
        return ASSUMED_LIST

    def _list_size(self, node: FieldNode, definition: GraphQLField, argument: str, otherwise: int) -> int:
        """The list length that an argument requests: its number, or the length of its list."""
        argument_value, default = self._argument(node, argument), definition.args[argument].default_value
        sizes = [len(size) if isinstance(size, list) else size for size in (argument_value, default, otherwise)]
        return max(0, min(next(size for size in sizes if isinstance(size, int)), MAX_COUNT))

    def _walks(self, node: FieldNode, definition: GraphQLField) -> bool:
        if any(argument.name.value == "componentWhere" for argument in node.arguments or ()):
            return True
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
    """The cost of the operation. Its `problem` is None if it may run."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    root = schema.get_root_type(operation.operation)
    measured = _Pass(schema, fragments, variables, limits)
    cost = Cost(limit=limits.values)
    try:
        size = measured.selections(operation.selection_set, root, 1, 0)
        for name, definition in fragments.items():
            # Validation also visits the fragments that this operation does not spread.
            if (name, 1) not in measured.sizes:
                on = schema.get_type(definition.type_condition.name.value)
                measured.selections(definition.selection_set, on, 1, 0)
        cost.values, cost.visited = size.values, measured.visited
        cost.problem = _problem(measured, size, limits, len(document.definitions))
    except (DocumentTooDeep, RecursionError):
        cost.problem = _too_deep(limits)
    return cost


def _too_deep(limits: DocumentLimits) -> str:
    return f"The document nests deeper than {limits.depth} fields: ask for the deeper part in a query of its own."


def _problem(measured: _Pass, size: Size, limits: DocumentLimits, definitions: int) -> str | None:
    if size.depth > limits.depth:
        return _too_deep(limits)
    counts = (
        ("aliases", measured.aliases, limits.aliases),
        ("directives", size.directives, limits.directives),
        ("fragments", measured.spreads + definitions, limits.spreads),
        ("fields of one name with selections of their own", max(measured.names.values(), default=0), limits.repeats),
        ("fields of one name", max(measured.leaves.values(), default=0), limits.leaves),
    )
    for name, count, limit in counts:
        if count > limit:
            return f"The document has {_shown(count)} {name}; the most is {limit}: split it into several queries."
    if size.values > limits.values:
        return (
            f"The answer may hold {_shown(size.values)} values; the most is {limits.values}: ask for smaller pages "
            "with `first`, fewer fields, or fewer levels. A traversal further than `depth: 1` counts as "
            f"{TRAVERSAL_COST} values, each time."
        )
    return None


def _shown(count: int) -> str:
    return f"{count}" if count < MAX_COUNT else f"{MAX_COUNT} or more"


def variables_problem(variables: Mapping[str, Any], limits: DocumentLimits) -> str | None:
    """The limit on values or depth that the variables exceed, if any. Checked without recursion."""
    level: list[Any] = list(variables.values())
    count, depth = 0, 0
    while level:
        count, depth = count + len(level), depth + 1
        if depth > limits.variable_depth:
            return f"A variable nests deeper than {limits.variable_depth}: flatten it."
        next_level: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                next_level += value.values()
            elif isinstance(value, list):
                next_level += value
        level = next_level
    return (
        None
        if count <= limits.variables
        else (f"The variables hold {count} values; the most is {limits.variables}: send several requests.")
    )
