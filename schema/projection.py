"""Lists of plain records, completed at once.

The reference executor makes a path, an info and a call for every field of every item. Where all that is selected below
a list is plain (attributes of records, resolvers declared pure, introspection), the selection is compiled once into a
function of one item. On anything else, and on any error, the reference executor does the list, so answers and errors
are always its own.
"""

from collections.abc import Callable, ValuesView
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

from graphql import (
    Executor,
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLObjectType,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.values import get_argument_values
from strawberry.types.field import StrawberryField

Complete: TypeAlias = Callable[[Any], Any]
Pure: TypeAlias = Callable[[Any, Any, dict[str, Any]], Any]
Resolver = TypeVar("Resolver", bound=Callable[..., Any])


class NotPlain(Exception):
    """What is asked is not plain after all: the reference executor must do it."""


def pure(project: Pure) -> Callable[[Resolver], Resolver]:
    """Declare a resolver pure: it gives what `project(record, context, arguments)` gives, without waiting."""

    def marked(resolver: Resolver) -> Resolver:
        resolver.project = project  # type: ignore[attr-defined]
        return resolver

    return marked


class ProjectingExecutor(Executor[Any]):
    """The reference executor, but for lists of plain records."""

    def complete_list_value(
        self,
        return_type: GraphQLList[Any],
        field_details_list: Any,
        info: Any,
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Complete a list at once if it is plain, else as ever."""
        not_plain: dict[int, Any] = self.__dict__.setdefault("_not_plain", {})
        if isinstance(result, list | tuple | ValuesView) and result and id(field_details_list) not in not_plain:
            try:
                complete = self._completer(return_type.of_type, field_details_list)
                return [complete(item) for item in result]
            except Exception:
                # Whatever it is, the reference executor says it properly. The selection is kept with its id, which is
                # thus not given to another one meanwhile.
                not_plain[id(field_details_list)] = field_details_list
        return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)

    def _completer(self, type: Any, details: Any) -> Complete:
        if is_non_null_type(type):
            inner = self._completer(type.of_type, details)

            def required(value: Any) -> Any:
                completed = inner(value)
                if completed is None:
                    raise NotPlain
                return completed

            return required
        complete = self._nullable(type, details)
        return lambda value: None if value is None else complete(value)

    def _nullable(self, type: Any, details: Any) -> Complete:
        if is_list_type(type):
            item = self._completer(type.of_type, details)
            return lambda values: [item(value) for value in values]
        if is_leaf_type(type):
            return _leaf(type)
        if is_object_type(type):
            return self._object(type, details)
        assert is_abstract_type(type)
        made: dict[str, Complete] = {}
        no_info: Any = None

        def by_type(value: Any) -> Any:
            assert type.resolve_type is not None
            name: Any = type.resolve_type(value, no_info, type)
            if name not in made:
                made[name] = self._object(self.schema.get_type(name), details)
            return made[name](value)

        return by_type

    def _object(self, type: Any, details: Any) -> Complete:
        fields = self.collect_subfields(type, details)[0]
        parts = [(name, *self._field(type, field)) for name, field in fields.items()]
        return lambda record: {name: complete(get(record)) for name, get, complete in parts}

    def _field(self, type: GraphQLObjectType, details: Any) -> tuple[Complete, Complete]:
        node = details[0].node
        definition = self.schema.get_field(type, node.name.value)
        if definition is None:
            raise NotPlain
        if node.name.value == "__typename":
            return lambda record: type.name, lambda name: name
        introspects = type.name.startswith("__")
        get = self._introspector(definition, details[0]) if introspects else self._getter(definition, details[0])
        return get, self._completer(definition.type, details)

    def _introspector(self, definition: GraphQLField, first: Any) -> Complete:
        resolve: Any = definition.resolve
        arguments = self._arguments(definition, first)
        # Of the info they are given, these resolvers use the schema alone.
        return lambda record: resolve(record, self, **arguments)

    def _arguments(self, definition: GraphQLField, first: Any) -> dict[str, Any]:
        return get_argument_values(
            definition, first.node, self.variable_values, first.fragment_variable_values, self.hide_suggestions
        )

    def _getter(self, definition: GraphQLField, first: Any) -> Complete:
        field = definition.extensions.get("strawberry-definition")
        if not isinstance(field, StrawberryField) or field.extensions:
            raise NotPlain
        if field.is_basic_field:
            return attrgetter(field.python_name)
        project = getattr(field.base_resolver.wrapped_func, "project", None) if field.base_resolver else None
        if project is None:
            raise NotPlain
        arguments = self._arguments(definition, first)
        context = self.context_value
        return lambda record: project(record, context, arguments)


def _leaf(type: Any) -> Complete:
    if isinstance(type, GraphQLEnumType):
        names = {value.value: name for name, value in type.values.items()}
        return lambda value: names[value]
    if type.name in ("String", "ID"):
        return _text
    coerce: Complete = type.coerce_output_value
    return coerce


def _text(value: Any) -> str:
    if value.__class__ is not str:
        raise NotPlain
    return value
