"""What fields demand: printed, enforced by what prints it, and nowhere forgotten."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import FieldDefinitionNode, InterfaceTypeDefinitionNode, ObjectTypeDefinitionNode, parse

from lineal.auth.directive import (
    AccessDirective,
    Forbidden,
    Guard,
    NeverChecked,
    Public,
    access,
    checked,
    on_own_account,
    public,
)
from lineal.auth.operations import accounts, api_keys, group_policies, groups, invitations, shares
from lineal.auth.operations.base import RefusalCode
from lineal.auth.permissions import Permission
from lineal.http_auth.permissions_table import ROOTS, ROUTES, enforces, fields, needs, permissions_table
from lineal.schema import permissions, sdl

GUARDED = {
    "Approval.modelVersion": Permission.TRAVERSE,
    "Comparison.differingOnlyIn": Permission.READ_PROPERTIES,
    "Comparison.metrics": Permission.READ_PROPERTIES,
    "Comparison.parameters": Permission.READ_PROPERTIES,
    "Endpoint.modelVersions": Permission.TRAVERSE,
    "Entity.ascendants": Permission.TRAVERSE,
    "Entity.descendants": Permission.TRAVERSE,
    "Entity.associations": Permission.READ,
    "Entity.history": Permission.READ,
    "Entity.lineageGroups": Permission.READ,
    "Entity.metrics": Permission.READ_PROPERTIES,
    "Entity.versions": Permission.READ,
    "Execution.inputs": Permission.TRAVERSE,
    "Execution.outputs": Permission.TRAVERSE,
    "Experiment.trials": Permission.TRAVERSE,
    "Dataset.features": Permission.TRAVERSE,
    "Feature.dataset": Permission.TRAVERSE,
    "LineageGroup.entities": Permission.READ,
    "LineageGroup.policy": Permission.ADMINISTER,
    "Metric.buckets": Permission.READ_PROPERTIES,
    "Metric.series": Permission.READ_PROPERTIES,
    "Model.groups": Permission.TRAVERSE,
    "ModelGroup.latestApproved": Permission.TRAVERSE,
    "ModelGroup.versions": Permission.TRAVERSE,
    "ModelVersion.approval": Permission.TRAVERSE,
    "ModelVersion.approvals": Permission.TRAVERSE,
    "ModelVersion.group": Permission.TRAVERSE,
    "ModelVersion.model": Permission.TRAVERSE,
    "Trial.components": Permission.TRAVERSE,
    "Trial.experiment": Permission.TRAVERSE,
    **{f"Run.{field}": Permission.TRAVERSE for field in ("pipeline", "parent", "children")},
    **{f"Pipeline.{field}": Permission.TRAVERSE for field in ("runs", "latestRun", "inputs", "outputs")},
}
"""The guarded fields below the roots."""

PUBLIC = {"Query.viewer"}
"""What needs nothing."""


def undirected(named: list[tuple[str, Any]]) -> list[str]:
    """The root fields without a directive."""
    return [name for name, given in named if name.split(".")[0] in ROOTS and needs(given) is None]


def test_every_root_field_names_its_permission() -> None:
    assert undirected(list(fields())) == []
    assert {name for name, given in fields() if isinstance(needs(given), Public)} == PUBLIC


def test_a_root_field_without_a_directive_is_found() -> None:
    @strawberry.type
    class Query:
        @strawberry.field(**public())  # type: ignore[untyped-decorator]
        def told(self) -> str:
            return ""

        @strawberry.field
        def forgotten(self) -> str:
            return ""

    created = strawberry.Schema(Query)._schema
    assert created.query_type is not None
    assert undirected([(f"Query.{name}", given) for name, given in created.query_type.fields.items()]) == [
        "Query.forgotten"
    ]


def test_the_printed_directive_is_enforced() -> None:
    for name, definition in fields():
        directive = needs(definition)
        if isinstance(directive, AccessDirective):
            assert enforces(definition, directive), name
        else:
            inputs = definition.extensions["strawberry-definition"]
            assert not [each for each in inputs.extensions if isinstance(each, Guard)], name


def test_guarded_fields() -> None:
    below = {name: needs(given) for name, given in fields() if name.split(".")[0] not in ROOTS}
    assert {name: each.action for name, each in below.items() if isinstance(each, AccessDirective)} == GUARDED


def test_descriptions_name_the_needed_permission() -> None:
    """Clients that show no directives show descriptions."""
    for name, definition in fields():
        match needs(definition):
            case AccessDirective(action=action):
                sentence = f" Needs {action.shown}."
            case Public():
                sentence = " Needs no permission."
            case None:
                continue
        assert definition.description.endswith(sentence), name
        assert definition.description.count(sentence) == 1, name


def test_the_schema_prints_it() -> None:
    printed = {}
    for node in parse(sdl()).definitions:
        if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
            for field in node.fields or ():
                printed[f"{node.name.value}.{field.name.value}"] = field
    for name, definition in fields():
        assert _printed(printed[name]) == needs(definition), name
    assert _printed(printed["Model.lineageGroups"]) == AccessDirective(action=Permission.READ), "on every kind, too"


def _printed(field: FieldDefinitionNode) -> AccessDirective | Public | None:
    for each in field.directives or ():
        if each.name.value == "public":
            return Public()
        if each.name.value == "access":
            value: Any = (each.arguments or ())[0].value
            return AccessDirective(action=Permission(value.value))
    return None


@pytest.mark.parametrize("permission", [Permission.READ, Permission.SHARE])
async def test_an_unchecked_answer_is_refused(permission: Permission) -> None:
    (guard,) = access(permission)["extensions"]

    async def careless(source: Any, info: Any) -> str:
        return "secret"

    async def careful(source: Any, info: Any) -> str:
        checked(permission)
        return "shown"

    async def refusing(source: Any, info: Any) -> Any:
        return SimpleNamespace(user_errors=["not so"])

    async def mistaken(source: Any, info: Any) -> Any:
        checked(Permission.RECORD)
        return "secret"

    info: Any = SimpleNamespace(context=None)
    for bad in (careless, mistaken):
        with pytest.raises(NeverChecked, match=permission.shown):
            await guard.resolve_async(bad, None, info)
    assert await guard.resolve_async(careful, None, info) == "shown"
    assert (await guard.resolve_async(refusing, None, info)).user_errors
    with pytest.raises(NeverChecked):
        await guard.resolve_async(careless, None, info)


async def test_a_guard_checks_before_its_field_resolves() -> None:
    (guard,) = access(Permission.READ_AUDIT, on_own_account)["extensions"]
    resolved = []

    async def resolver(source: Any, info: Any) -> str:
        resolved.append(source)
        return "shown"

    def info(held: bool) -> Any:
        return SimpleNamespace(context=SimpleNamespace(holds=lambda permission: held))

    with pytest.raises(Forbidden) as refused:
        await guard.resolve_async(resolver, "it", info(False))
    assert str(refused.value) == "This needs lineage:ReadAudit: ask an administrator of the account for it."
    assert resolved == []
    assert await guard.resolve_async(resolver, "it", info(True)) == "shown"


def test_the_table_in_the_docs_is_the_code_s() -> None:
    page = Path("docs/reference/permissions.md").read_text()
    assert page.endswith("\n\n" + permissions_table()), "run: lineal schema --permissions"


def test_the_table_has_every_route() -> None:
    from lineal.app import create_app
    from lineal.config import Settings
    from lineal.http_auth.middleware import OPEN

    assert {getattr(route, "path", None) for route in create_app(Settings(dev=True)).routes} == ROUTES.keys()
    assert set(OPEN) == {path for path, demanded in ROUTES.items() if demanded == "nothing"} - {"/static/graphiql"}


OPERATIONS = {
    accounts.create_account: permissions.AccountCreateErrorCode,
    api_keys.create_key: permissions.ApiKeyCreateErrorCode,
    api_keys.revoke_key: permissions.ApiKeyRevokeErrorCode,
    group_policies.set_policy: permissions.LineageGroupPolicySetErrorCode,
    groups.change_group: permissions.LineageGroupChangeErrorCode,
    groups.create_group: permissions.LineageGroupCreateErrorCode,
    invitations.accept_invitation: permissions.InvitationAcceptErrorCode,
    invitations.reject_invitation: permissions.InvitationRejectErrorCode,
    shares.create_share: permissions.ResourceShareCreateErrorCode,
    shares.revoke_share: permissions.ResourceShareRevokeErrorCode,
}


@pytest.mark.parametrize(("operation", "shown"), OPERATIONS.items(), ids=lambda each: each.__name__)
def test_every_refusal_of_an_operation_has_its_code(operation: Any, shown: Any) -> None:
    described = {code for code in RefusalCode if code in re.findall("[A-Z_]{4,}", operation.__doc__)}
    assert described
    # Others may keep changing access at the same time, whatever the operation.
    assert described | {RefusalCode.CONFLICT} <= set(shown)
