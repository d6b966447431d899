"""Numbers of the versions of a model group."""

from collections.abc import Sequence
from typing import Final

from lineal.graphstore.batches import NewEntity
from lineal.graphstore.store import EntityGroups
from lineal.graphstore.urns import entity_id, make_urn
from lineal.resolvers.context import Context
from lineal.resolvers.write_permissions import entity_groups

_FIRST_NUMBERS: Final = (*range(1, 65), *(2**power for power in range(7, 31)))
"""Numbers that the first round trip looks up."""
_NUMBERS_BETWEEN: Final = 64
"""Number of candidates between two bounds that each later round trip looks up."""


async def next_number(
    context: Context, version_like: NewEntity, ids: Sequence[str]
) -> tuple[int, dict[str, EntityGroups]]:
    """The number after those of the recorded versions, readable or not; and, by id, the groups of some entities.

    `version_like` is a version of the account and name. Numbers that were recorded by hand may leave gaps: the result
    is then a free number that follows a taken one.
    """

    def id_of(number: int) -> str:
        return entity_id(make_urn(version_like.account, version_like.kind, version_like.name, str(number)))

    groups_by_id: dict[str, EntityGroups] = {}
    taken, free, probed = 0, 2**31, list(_FIRST_NUMBERS)
    while probed:
        groups = await entity_groups(context, [*ids, *map(id_of, probed)])
        groups_by_id, ids = {id: groups[id] for id in ids if id in groups} | groups_by_id, ()
        taken = max([taken, *(number for number in probed if id_of(number) in groups)])
        free = min(number for number in [*probed, free] if number > taken and id_of(number) not in groups)
        step = max(1, (free - taken) // _NUMBERS_BETWEEN)
        probed = list(range(taken + step, free, step))
    return free, groups_by_id
