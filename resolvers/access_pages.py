"""Connections of what is kept about access: short lists, in order of name and id."""

from collections.abc import Iterable
from typing import TypeVar

from lineal.resolvers.context import Context
from lineal.resolvers.cursors import NamedPosition
from lineal.resolvers.pages import MOST, Connection, checked_first, connection

Item = TypeVar("Item")


def listed(
    context: Context,
    field: str,
    items: Iterable[tuple[str, str, Item]],
    first: int | None,
    after: str | None,
    *arguments: object,
) -> Connection[Item]:
    """A page of items, each given with its name and id. `arguments` are the field's own."""
    size, made = checked_first(first, 20, MOST), context.list_cursors(field, *arguments)
    in_order = sorted(((NamedPosition(name, id), item) for name, id, item in items), key=lambda each: _key(each[0]))
    total = len(in_order)
    if after is not None:
        made, position = made.read(after, NamedPosition)
        in_order = [each for each in in_order if _key(each[0]) > _key(position)]
    page = in_order[:size]
    places = {id(item): place for place, item in page}
    nodes = [item for _, item in page]
    return connection(nodes, lambda item: made.make(places[id(item)]), len(in_order) > size, total)


def _key(position: NamedPosition) -> tuple[str, str]:
    return position.name, position.id
