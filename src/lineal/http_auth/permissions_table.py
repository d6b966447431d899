"""Table of the permission that every field and route needs, generated from the objects that enforce it."""

from collections.abc import Iterator
from typing import Any, Final

from graphql import GraphQLInterfaceType, GraphQLObjectType

from lineal.auth.directive import AccessDirective, Guard, Public
from lineal.auth.permissions import Permission
from lineal.schema import schema

GRAPH: Final = schema._schema  # noqa: SLF001 (Strawberry offers no list of a schema's types)
ROOTS: Final = ("Query", "Mutation", "Subscription")

ROUTES: Final = {
    "/graphql": "a principal, and the permissions of its fields. The page of GraphiQL: nothing",
    "/api/v1/lineage": f"`{Permission.RECORD.shown}` and `{Permission.ASSOCIATE.shown}`",
    "/api/v1/lineage/batch": f"`{Permission.RECORD.shown}` and `{Permission.ASSOCIATE.shown}`",
    "/blobs/{sha256}": f"`{Permission.RECORD.shown}`",
    "/content/{id}": f"`{Permission.READ.shown}` on the entity",
    "/schema.graphql": "nothing",
    "/healthz": "nothing",
    "/readyz": "nothing",
    "/metrics": "a principal of an operator account",
    "/static/graphiql": "nothing",
}
"""By HTTP route, what it needs."""


def needs(definition: Any) -> AccessDirective | Public | None:
    """Return the directive of a field of the executable schema, None if it has none."""
    field = definition.extensions.get("strawberry-definition")
    directives = getattr(field, "directives", ())
    return next((each for each in directives if isinstance(each, AccessDirective | Public)), None)


def enforces(definition: Any, directive: AccessDirective) -> bool:
    """Whether the only guard of a field is made from its own directive."""
    guards = [each for each in definition.extensions["strawberry-definition"].extensions if isinstance(each, Guard)]
    return [guard.directive for guard in guards] == [directive] and guards[0].directive is directive


def fields() -> Iterator[tuple[str, Any]]:
    """Yield every field as `Type.field` with its definition, root fields first, those of interfaces once.

    A type's own version of an interface's field is yielded where it needs another permission.
    """
    types = sorted(GRAPH.type_map.items(), key=lambda each: (each[0] not in ROOTS, each[0]))
    for name, type in types:
        if name.startswith("__") or not isinstance(type, GraphQLObjectType | GraphQLInterfaceType):
            continue
        inherited = {field: needs(each) for above in type.interfaces for field, each in above.fields.items()}
        for field, definition in type.fields.items():
            if field not in inherited or needs(definition) != inherited[field]:
                yield f"{name}.{field}", definition


def permissions_table() -> str:
    """Return the table in Markdown."""
    rows = ["| Field | Needs |", "|---|---|"]
    for name, definition in fields():
        match needs(definition):
            case AccessDirective(action=action):
                rows.append(f"| `{name}` | `{action.shown}` |")
            case Public():
                rows.append(f"| `{name}` | nothing |")
    rows += ["", "| Route | Needs |", "|---|---|"]
    rows += [f"| `{path}` | {needed} |" for path, needed in ROUTES.items()]
    return "\n".join(rows) + "\n"
