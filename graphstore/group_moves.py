"""Which groups entities are in after a change of members."""

from collections import defaultdict
from dataclasses import dataclass, field

from lineal.auth.access_store import AccessChange
from lineal.auth.scopes import default_group


@dataclass(slots=True)
class Move:
    """The groups that one entity leaves, and those it joins then."""

    leaves: set[str] = field(default_factory=set)
    joins: set[str] = field(default_factory=set)

    def moved(self, account: str, extra: frozenset[str]) -> frozenset[str]:
        """The groups, besides the default one of its account, of an entity that was in `extra`."""
        return (extra - self.leaves) | (self.joins - {default_group(account)})


def moves(change: AccessChange) -> dict[str, Move]:
    """What a change does, by entity."""
    found: defaultdict[str, Move] = defaultdict(Move)
    for each in change.leaves:
        found[each.entity].leaves.add(each.group)
    for each in change.joins:
        found[each.entity].joins.add(each.group)
    return dict(found)
