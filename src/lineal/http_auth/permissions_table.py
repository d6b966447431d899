"""The table of what every field and route demands, made from what enforces it."""

from collections.abc import Iterator
from typing import Any, Final

from graphql import GraphQLInterfaceType, GraphQLObjectType

from lineal.auth.directive import AccessDirective, Guard, Public
from lineal.auth.permissions import Permission
from lineal.schema import schema

GRAPH: Final = schema._schema  # noqa: SLF001 (Strawberry offers no list of a schema's types)
ROOTS: Final = ("Query", "Mutation", "Subscription")

ROUTES: Final = {
    "/graphql": "a principal; what each field demands. GraphiQL's page: nothing",
    "/api/v1/lineage": f"`{Permission.RECORD.shown}` and `{Permission.ASSOCIATE.shown}`",
    "/schema.graphql": "nothing",
    "/healthz": "nothing",
    "/readyz": "nothing",
    "/metrics": "a principal of an operator account",
    "/static/graphiql": "nothing",
}
"""Of every HTTP route, what it demands."""


def demands(definition: Any) -> AccessDirective | Public | None:
    """What a field of the executable schema demands by its directive; None where it has none."""
    field = definition.extensions.get("strawberry-definition")
    found = [each for each in getattr(field, "directives", ()) if isinstance(each, AccessDirective | Public)]
    return found[0] if found else None


def enforces(definition: Any, directive: AccessDirective) -> bool:
    """Whether a field has a guard made from its very directive."""
    guards = [each for each in definition.extensions["strawberry-definition"].extensions if isinstance(each, Guard)]
    return [guard.directive for guard in guards] == [directive] and guards[0].directive is directive


def fields() -> Iterator[tuple[str, Any]]:
    """Every field of the schema, `Type.field`, with its definition, root fields first; of an interface, it alone."""
    types = sorted(GRAPH.type_map.items(), key=lambda each: (each[0] not in ROOTS, each[0]))
    for name, type in types:
        if name.startswith("__") or not isinstance(type, GraphQLObjectType | GraphQLInterfaceType):
            continue
        inherited = {field for each in type.interfaces for field in each.fields}
        yield from ((f"{name}.{field}", given) for field, given in type.fields.items() if field not in inherited)


def permissions_table() -> str:
    """The table in Markdown."""
    rows = ["| Field | Demands |", "|---|---|"]
    for name, definition in fields():
        match demands(definition):
            case AccessDirective(action=action):
                rows.append(f"| `{name}` | `{action.shown}` |")
            case Public():
                rows.append(f"| `{name}` | nothing |")
    rows += ["", "| Route | Demands |", "|---|---|"]
    rows += [f"| `{path}` | {demanded} |" for path, demanded in ROUTES.items()]
    return "\n".join(rows) + "\n"
