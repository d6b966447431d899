"""The fields that a document selects below a field, so that a resolver can read all of them in one call."""

from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLResolveInfo,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionSetNode,
    get_directive_values,
)
from strawberry import Info


def path_options(info: Info[Any, None]) -> dict[str, bool]:
    """The keyword arguments of a lineage resolver: whether the document selects paths, and the ends of their steps."""
    raw = info._raw_info  # noqa: SLF001 (Strawberry does not expose directives)
    ends = any(selects(raw, "edges", "path", end) for end in ("source", "destination"))
    return {"with_paths": ends or selects(raw, "edges", "path"), "with_ends": ends}


def selects(info: GraphQLResolveInfo[Any], *path: str) -> bool:
    """Whether the document selects a field at the path below the current field, after @skip and @include."""
    return any(_below(info, node.selection_set, path) for node in info.field_nodes)


def _below(info: GraphQLResolveInfo[Any], selections: SelectionSetNode | None, path: tuple[str, ...]) -> bool:
    if not path:
        return True
    for node in selections.selections if selections else ():
        if not _included(info, node):
            continue
        match node:
            case FieldNode():
                if node.name.value == path[0] and _below(info, node.selection_set, path[1:]):
                    return True
            case InlineFragmentNode():
                if _below(info, node.selection_set, path):
                    return True
            case FragmentSpreadNode():
                if _below(info, info.fragments[node.name.value].selection_set, path):
                    return True
    return False


def _included(info: GraphQLResolveInfo[Any], node: Any) -> bool:
    if not node.directives:
        return True
    skip = get_directive_values(GraphQLSkipDirective, node, info.variable_values)
    include = get_directive_values(GraphQLIncludeDirective, node, info.variable_values)
    return not (skip and skip["if"]) and not (include and not include["if"])
