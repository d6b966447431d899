"""Nothing is read without a scope, and every scope comes from what decides on access: proved on the code itself."""

import ast
import inspect
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from lineal.auth.scopes import Scope
from lineal.graphstore.records import View
from lineal.graphstore.store import Store

ROOT = Path(__file__).parent.parent
FOLDERS = ("auth", "capture", "graphstore", "resolvers", "schema", "src/lineal", "web")

ON_ACCESS_ITSELF = {
    "access_since", "audit", "audit_log", "change_access", "key_used", "keys_used", "newest", "entity_groups",
}  # fmt: skip
"""What decides on access reads by these; of lineage they tell which groups an entity is in, and nothing else."""
NO_READS = {"close", "ready", "record", "secret", "verify", "watermark"}
"""These give back nothing recorded, but for `record` what its caller wrote itself, and for `verify` names of what is
damaged, to whoever holds the store itself."""
NO_LINEAGE = {"discard_quarantined", "quarantine", "quarantined"}
"""These are of documents that were refused, which are no lineage: whoever asks is judged by their account."""

MAKES_SCOPES = {
    "auth/scopes.py": "defines them",
    "auth/authorizer.py": "makes them of policies and shares",
    "capture/openlineage/recording.py": "finds out what of a permitted event is not recorded yet",
    "graphstore/embedded/sql/batch_writer.py": "judges a batch against all that stands",
    "graphstore/gremlin/recorded_state.py": "validates batches against all that is recorded",
    "src/lineal/blob_sweeps.py": "keeps content that any entity names; nobody asks it",
    "graphstore/verification.py": "checks all that is recorded, for whoever holds the store itself",
    "src/lineal/commands/exporting.py": "is run by whoever holds the store itself",
}
"""Where a scope may be made, and why. What answers questions over the network is not among them."""


def carries_a_view(type: Any) -> bool:
    """Whether a parameter's type is a view, or a question that holds one."""
    if type is View:
        return True
    if typing.get_args(type):
        return any(map(carries_a_view, typing.get_args(type)))
    if not is_dataclass(type):
        return False
    hints = typing.get_type_hints(type)
    return any(carries_a_view(hints[field.name]) for field in fields(type) if field.name in ("view", "walk"))


@pytest.mark.parametrize("verb", sorted(name for name in vars(Store) if not name.startswith("_")))
def test_every_read_verb_takes_a_scope(verb: str) -> None:
    method = getattr(Store, verb)
    if verb in ON_ACCESS_ITSELF | NO_READS | NO_LINEAGE:
        return
    hints = typing.get_type_hints(method)
    required = [
        name
        for name, parameter in inspect.signature(method).parameters.items()
        if name != "self" and parameter.default is inspect.Parameter.empty
    ]
    assert any(carries_a_view(hints[name]) for name in required), f"Store.{verb} can be called without a scope"


def test_a_view_has_no_default_scope() -> None:
    with pytest.raises(TypeError):
        View(as_of=None)  # type: ignore[call-arg, arg-type]
    assert not Scope().everything
    assert not Scope().rules


def makes_a_scope(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="Scope")) | ast.Call(func=ast.Attribute(attr="of", value=ast.Name(id="Scope"))):
            return True
        case ast.Name(id="EVERYTHING", ctx=ast.Load()):
            return True
    return False


def test_every_scope_is_created_by_the_authorizer() -> None:
    results = set()
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if any(map(makes_a_scope, ast.walk(ast.parse(file.read_text())))):
                results.add(str(file.relative_to(ROOT)))
    assert results <= MAKES_SCOPES.keys(), "scopes are made where requests are answered"
    assert results == MAKES_SCOPES.keys(), "the list names files that make none"
