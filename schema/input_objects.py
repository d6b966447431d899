"""Input objects, built while graphql-core coerces the values of a request.

Strawberry converts arguments again on their way into a resolver: recursively, on the event loop, resolving the type of
each field each time, which is most of the time of a large mutation. Here the one pass of graphql-core builds the input
objects, in whichever thread it runs, and Strawberry finds them ready.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any, Final

from graphql import GraphQLError, GraphQLInputObjectType, GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryObjectDefinition

from lineal.schema.scalars import Midnight

_DEFINITION: Final = "strawberry-definition"
_TAKING_DATES: Final = frozenset({"AsOf", "QuarantineFilter", "TimeFilter"})
"""The inputs in which a date without a time is a time. In what is recorded it would feign a precision it lacks."""


def build_inputs_on_coercion(graph: GraphQLSchema, config: StrawberryConfig) -> None:
    """Make the coercion of every input object type of a schema give instances of the type's class."""
    for type_ in graph.type_map.values():
        if isinstance(type_, GraphQLInputObjectType):
            definition = type_.extensions[_DEFINITION]
            type_.out_type = _constructor(definition, config, type_.out_type)  # type: ignore[method-assign, assignment]
            definition.from_input = _ready


def _constructor(
    definition: StrawberryObjectDefinition, config: StrawberryConfig, check: Callable[[dict[str, Any]], dict[str, Any]]
) -> Callable[[dict[str, Any]], Any]:
    names = {config.name_converter.from_field(field): field.python_name for field in definition.fields}
    absent = dict.fromkeys(
        field.python_name
        for field in definition.fields
        if field.default_value is MISSING and field.default_factory is MISSING
    )
    build = definition.origin
    takes_dates = definition.name in _TAKING_DATES

    def built(values: dict[str, Any]) -> Any:
        if not takes_dates:
            for name, value in values.items():
                if value.__class__ is Midnight:
                    raise GraphQLError(
                        f"{definition.name}.{name} is a date without a time: write it as 2026-03-01T12:00:00Z"
                    )
        return build(**(absent | {names[name]: value for name, value in check(values).items()}))

    return built


def _ready(type_: type, value: Mapping[str, Any], context: Any) -> Any:
    """The instance that coercion built."""
    return value
