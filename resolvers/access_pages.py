"""Pages of access records: short lists in memory, by name and id."""

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
    """Return a page of (name, id, item), by name and id. `arguments` are those of the field, for its cursors."""
    size, cursors = checked_first(first, 20, MOST), context.list_cursors(field, *arguments)
    in_order = sorted(((NamedPosition(name, id), item) for name, id, item in items), key=lambda each: _key(each[0]))
    total = len(in_order)
    if after is not None:
        cursors, position = cursors.read(after, NamedPosition)
        in_order = [each for each in in_order if _key(each[0]) > _key(position)]
    page = in_order[:size]
    positions = {id(item): position for position, item in page}
    nodes = [item for _, item in page]
    return connection(nodes, lambda item: cursors.make(positions[id(item)]), len(in_order) > size, total)


def _key(position: NamedPosition) -> tuple[str, str]:
    return position.name, position.id
