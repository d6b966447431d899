"""Fast completion of lists of plain records.

The reference executor creates a path, an info and a call for every field of every item. If every field selected below a
list is plain (an attribute of a record, a resolver declared pure, introspection), this executor compiles the selection
once into a function of one item. For other selections, and after any error, the reference executor completes the list,
so answers and errors are always those of the reference executor.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, ValuesView
from operator import attrgetter
from time import perf_counter
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


STEP_SECONDS = 0.005
"""Maximum time that a list blocks the event loop, unless a single item takes longer."""


class NotPlain(Exception):
    """The selection or a value is not plain: the reference executor must complete the list."""


def pure(project: Pure) -> Callable[[Resolver], Resolver]:
    """Declare a resolver pure: its result equals `project(record, context, arguments)`, which never awaits."""

    def declare(resolver: Resolver) -> Resolver:
        resolver.project = project  # type: ignore[attr-defined]
        return resolver

    return declare


class ProjectingExecutor(Executor[Any]):
    """The reference executor with a fast path for lists of plain records."""

    def complete_list_value(
        self,
        return_type: GraphQLList[Any],
        field_details_list: Any,
        info: Any,
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        """The completed list, on the fast path if the selection is plain."""
        not_plain: dict[int, Any] = self.__dict__.setdefault("_not_plain", {})
        if isinstance(result, list | tuple | ValuesView) and result and id(field_details_list) not in not_plain:
            try:
                complete = self._completer(return_type.of_type, field_details_list)
                steps = _steps(complete, result)
                completed = next(steps)
            except Exception:
                # The reference executor reports the error. The dictionary references the selection, so that no other
                # selection can reuse its id.
                not_plain[id(field_details_list)] = field_details_list
            else:
                if completed is not None:
                    return completed
                arguments = return_type, field_details_list, info, path, result, position_context
                return self._in_steps(steps, *arguments)
        return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)

    async def _in_steps(self, steps: Iterator[list[Any] | None], *arguments: Any) -> Any:
        """The completed list of `complete_list_value`; the event loop serves other requests between the steps."""
        try:
            completed = None
            while completed is None:
                await asyncio.sleep(0)
                completed = next(steps)
            return completed
        except Exception:
            self.__dict__["_not_plain"][id(arguments[1])] = arguments[1]
        again = super().complete_list_value(*arguments)
        return await again if self.is_awaitable(again) else again

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
        completers: dict[str, Complete] = {}
        no_info: Any = None

        def by_type(value: Any) -> Any:
            assert type.resolve_type is not None
            name: Any = type.resolve_type(value, no_info, type)
            if name not in completers:
                completers[name] = self._object(self.schema.get_type(name), details)
            return completers[name](value)

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
        # These resolvers use only `schema` of their info, which the executor has, too.
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


def _steps(complete: Complete, items: Iterable[Any]) -> Iterator[list[Any] | None]:
    """Complete items; yield None after every step while an event loop runs, and finally the whole list."""
    completed: list[Any] = []
    until = perf_counter() + STEP_SECONDS
    for item in items:
        if perf_counter() > until:
            if _is_loop_running():
                yield None
            until = perf_counter() + STEP_SECONDS
        completed.append(complete(item))
    yield completed


def _is_loop_running() -> bool:
    """Whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


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
