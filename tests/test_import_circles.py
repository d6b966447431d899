"""Imports go round in no circle, but for the GraphQL types that name each other."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import lineal

ROOT = Path(lineal.__file__).parent
FOLDERS = [ROOT, *(path for path in ROOT.iterdir() if path.is_dir())]
"""`rglob` does not follow the links to the folders at the repository's root."""

RECURSIVE_TYPES = {
    "lineal.schema.associations",
    "lineal.schema.entities",
    "lineal.schema.groups",
    "lineal.schema.lineage",
    "lineal.schema.metrics",
    "lineal.schema.revisions",
}
"""An entity has associations, lineage, groups, metrics and revisions, and each of these leads to entities again: the
types are recursive, so some module has to name a type of a module that imports it. That module is `schema.entities`,
which names them for the type checker and as `strawberry.lazy`, and imports none of them. In one module they would be
five hundred lines."""


def module_name(path: Path) -> str:
    return ".".join(("lineal", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {module_name(path): path for folder in FOLDERS for path in folder.rglob("*.py")}


def named(node: ast.AST) -> Iterator[str]:
    """The modules of ours that a node imports, or names as text, as `strawberry.lazy` has them."""
    match node:
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom(module=str(module)):
            for alias in node.names:
                submodule = f"{module}.{alias.name}"
                yield submodule if submodule in MODULES else module
        case ast.Constant(value=str(text)):
            yield text


def nodes(tree: ast.AST, only_imported: bool) -> Iterator[ast.AST]:
    """The nodes of a module; `only_imported`: without text, and without what only the type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if only_imported and (isinstance(node, ast.Constant) or is_for_type_checker(node)):
            continue
        yield node
        yield from nodes(node, only_imported)


def is_for_type_checker(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(only_imported: bool) -> dict[str, set[str]]:
    """The modules of ours that each of ours names, in functions too."""
    trees = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}
    return {
        name: {other for node in nodes(tree, only_imported) for other in named(node)} & MODULES.keys() - {name}
        for name, tree in trees.items()
    }


def test_all_folders_are_looked_at() -> None:
    assert {"lineal.app", "lineal.schema.entities", "lineal.auth.cedar", "lineal.graphstore.embedded.store"} <= {
        *MODULES
    }


def test_no_module_imports_itself_through_others() -> None:
    assert_no_circle(imports(only_imported=True))


def test_only_recursive_types_name_each_other() -> None:
    graph = imports(only_imported=False)
    assert_no_circle({name: set() if name in RECURSIVE_TYPES else others for name, others in graph.items()})
    with pytest.raises(CycleError):
        assert_no_circle({name: graph[name] & RECURSIVE_TYPES for name in RECURSIVE_TYPES})


def assert_no_circle(graph: dict[str, set[str]]) -> None:
    """Raise CycleError, which names the modules, where imports go round in a circle."""
    TopologicalSorter(graph).prepare()
