"""What shows is decided in one place: modules that read start traversals and cross edges through `Visibility`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from lineal.graphstore import gremlin

FOLDER = Path(gremlin.__file__).parent
DECIDES = "visibility"
STARTS = {"index_plan"}
"""Its starts are candidates that `entity_pages` passes to `Visibility.entities`."""
WITHOUT_A_VIEW = {
    "aborted_batches",
    "access_graph",
    "api_key_usage",
    "audit_log",
    "batch_parts",
    "batch_writer",
    "cassandra_register",
    "client",
    "graph_setup",
    "index_backlog",
    "lease_register",
    "mixed_index",
    "quarantine",
    "snapshots",
    "store",
    "upserts",
    "writer_lease",
}
"""Modules that write, or that read without a view: access, audit log, quarantine, lease. All others read views."""
ASKED = {("record_cache", "occurred_at"), ("revision_cache", "occurred_at")}
"""Where a question, not its view, names a time."""

SOURCES = {"V", "E", "out_e", "in_e", "both_e", "out", "in_", "both"}
TESTS = {"has", "has_not", "values"}
TIMES = {"recorded_at", "occurred_at"}
EQUALITIES = (ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Is, ast.IsNot)

READERS = sorted(
    path for path in FOLDER.glob("*.py") if path.stem not in {DECIDES, "__init__"} | STARTS | WITHOUT_A_VIEW
)


def calls(tree: ast.AST, *, in_visibility: bool = False) -> Iterator[tuple[ast.Call, bool]]:
    """All method calls, with whether they are arguments of a method of a `Visibility`."""
    for node in ast.iter_child_nodes(tree):
        inside = in_visibility
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, in_visibility
            inside |= ast.unparse(node.func.value).endswith("visibility")
        yield from calls(node, in_visibility=inside)


def problems(source: str, module: str) -> list[str]:
    results = []
    tree = ast.parse(source)
    for call, in_visibility in calls(tree):
        assert isinstance(call.func, ast.Attribute)
        name = call.func.attr
        key = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
        if name in SOURCES and not in_visibility:
            results.append(f"{module}:{call.lineno}: `{name}` outside a method of Visibility")
        if name in TESTS and key in TIMES and not _is_never(call):
            results.append(f"{module}:{call.lineno}: compares `{key}`")
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(
            isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in node.ops
        ):
            times = [each for each in ast.walk(node) if isinstance(each, ast.Attribute) and each.attr in TIMES]
            times = [each for each in times if (module, each.attr) not in ASKED]
            results += [f"{module}:{each.lineno}: compares `{each.attr}`" for each in times]
    return results


def _is_never(call: ast.Call) -> bool:
    """Whether a call is the step that holds of no entity, as every entity has a `recorded_at`."""
    return ast.unparse(call) == "__.has_not('recorded_at')"


@pytest.mark.parametrize("path", READERS, ids=lambda path: path.stem)
def test_reads_go_through_visibility(path: Path) -> None:
    assert problems(path.read_text(), path.stem) == []


def test_the_lint_finds_reads_without_visibility() -> None:
    assert [
        problem.partition(": ")[2]
        for source in (
            "self._visibility.recorded(g.V(ids).out_e(label))",
            "reader.visibility.entities(g.V().has('name', name))",
            "g.V(ids).out_e(label)",
            "steps = vertices.has('recorded_at', P.lte(until))",
            "is_shown = entity.occurred_at <= at",
        )
        for problem in problems(source, "module")
    ] == [
        "`out_e` outside a method of Visibility",
        "`V` outside a method of Visibility",
        "compares `recorded_at`",
        "compares `occurred_at`",
    ]


def test_the_exempt_modules_exist() -> None:
    """A module that is renamed is looked at again."""
    assert {path.stem for path in FOLDER.glob("*.py")} >= WITHOUT_A_VIEW | STARTS | {DECIDES}
