"""The numbers of the versions of a model group."""

from collections.abc import Sequence
from typing import Final

from lineal.graphstore.batches import NewEntity
from lineal.graphstore.store import EntityGroups
from lineal.graphstore.urns import entity_id, make_urn
from lineal.resolvers.context import Context
from lineal.resolvers.write_permissions import entity_groups

_LOOKED_AT: Final = (*range(1, 65), *(2**power for power in range(7, 31)))
"""The numbers that are looked at first."""
_SPREAD: Final = 64
"""How many numbers are looked at between two, each time after."""


async def next_number(context: Context, like: NewEntity, ids: Sequence[str]) -> tuple[int, dict[str, EntityGroups]]:
    """The number after those of the versions that stand, whoever may see them; and where some entities stand, by id.

    `like` is a version of the account and name.

    Numbers that were recorded otherwise than by registering may leave gaps: then a free number that follows one taken.
    """

    def id_of(number: int) -> str:
        return entity_id(make_urn(like.account, like.kind, like.name, str(number)))

    places: dict[str, EntityGroups] = {}
    taken, free, asked = 0, 2**31, list(_LOOKED_AT)
    while asked:
        found = await entity_groups(context, [*ids, *map(id_of, asked)])
        places, ids = {id: found[id] for id in ids if id in found} | places, ()
        taken = max([taken, *(number for number in asked if id_of(number) in found)])
        free = min(number for number in [*asked, free] if number > taken and id_of(number) not in found)
        step = max(1, (free - taken) // _SPREAD)
        asked = list(range(taken + step, free, step))
    return free, places
