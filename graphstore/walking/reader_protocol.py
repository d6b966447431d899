"""The reads of an engine that walks and pages are built on, and the crossings of a walk."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from lineal.graphstore.codes import KIND_MASK, RESTRICTED, TYPE_CODES, TYPES, AssociationKey
from lineal.graphstore.filters import matches_bare
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import AssociationFilter, EntityFilter, Walk
from lineal.graphstore.records import Association, Entity, Restricted, Revision


class Crossings:
    """The associations that lead on from keys, in one direction (not BOTH), under filters that must all match.

    `ways` are the directions in which an association of any type is crossed; a SAME_AS is always crossed in both.
    `types` are the codes of the types allowed, None for all; `asks_only_types`: the filters restrict nothing else.
    """

    def __init__(self, direction: LineageDirection, *filters: AssociationFilter | None) -> None:
        self.direction = direction
        self.filters = tuple(condition for condition in filters if condition is not None)
        self.asks_only_types = all(condition == AssociationFilter(type=condition.type) for condition in self.filters)
        allowed = [
            {TYPE_CODES[type] for type in condition.type} for condition in self.filters if condition.type is not None
        ]
        self.types = sorted(set.intersection(*allowed)) if allowed else None
        ways = [LineageDirection.ASCENDANTS, LineageDirection.DESCENDANTS]
        self.ways: list[LineageDirection] = ways if direction is LineageDirection.CONNECTED else [direction]

    @property
    def beside_hidden(self) -> frozenset[int]:
        """The codes of the types of association that are crossed to and from hidden entities."""
        return frozenset(
            code for code, type in enumerate(TYPES) if all(matches_bare(type, condition) for condition in self.filters)
        )

    def reversed(self) -> "Crossings":
        """The crossings that lead back."""
        back = {
            LineageDirection.ASCENDANTS: LineageDirection.DESCENDANTS,
            LineageDirection.DESCENDANTS: LineageDirection.ASCENDANTS,
        }
        return Crossings(back.get(self.direction, self.direction), *self.filters)


class Hidden(NamedTuple):
    """Hidden entities that a walk meets, by key, in three sets: one for each boundary."""

    masked: set[int]
    bridged: set[int]
    cut: set[int]


def masked(key: int) -> int:
    """The key under which an entity is shown as restricted; walks and pages treat it like any other key."""
    return key | RESTRICTED


def is_masked(key: int) -> bool:
    """Whether a key is that of an entity shown as restricted."""
    return key & KIND_MASK == RESTRICTED


class Records(Protocol):
    """The records of one view in one engine, as the view's scope shows them.

    For the length of one call on a worker thread; any method may wait for the engine.
    """

    def keys_of(self, ids: Collection[str]) -> dict[str, int]:
        """The keys of the ids that exist in the view and are readable."""

    def urns(self, keys: Collection[int]) -> dict[int, str]:
        """The urns of keys known to exist in the view; of masked keys the restricted urns."""

    def entities(self, keys: Collection[int], *, as_recorded: bool = False) -> dict[int, Entity]:
        """The records of keys known to be readable, with revisions applied, or `as_recorded` without them."""

    def restricted(self, keys: Collection[int]) -> dict[int, Restricted]:
        """The restricted records of masked keys."""

    def revisions(self, keys: Collection[int], since: int | None = None) -> dict[int, list[Revision]]:
        """The revisions, in no promised order, of those keys that have any in the view; or only those since a time."""

    def numbered_revisions(self, numbers: Collection[tuple[int, int]]) -> dict[tuple[int, int], Revision]:
        """The revisions, by (key, sequence), that exist in the view, of entities without hidden property keys."""

    def associations(
        self, keys: Collection[AssociationKey], *, as_recorded: bool = False
    ) -> dict[AssociationKey, Association]:
        """The records of associations known to exist in the view.

        An association recorded without a time has the later time of its ends; `as_recorded` it has none.
        """


class Reader(Records, Protocol):
    """Records, and the crossings from key to key.

    `sees_nothing`: the scope allows nothing, and `keys_of` finds no key. `is_settled`: no later batch can belong to the
    view's moment, so a read stays right for ever. `meets_hidden`: the scope may show hidden entities (MASK, BRIDGE).

    Prefetches announce the reads of all questions of a call together, so that a remote engine fetches them in one
    round trip. A read that no prefetch announced is answered all the same.
    """

    sees_nothing: bool
    is_settled: bool
    meets_hidden: bool

    def matching(self, keys: Collection[int], where: EntityFilter | None) -> Collection[int]:
        """The keys, readable or masked, of entities that match; in the order of the keys."""

    def far_keys(self, crossings: Crossings, frontier: Collection[int], distance: int | None) -> set[int]:
        """Every readable key one crossing away; negative where the crossing was a SAME_AS.

        Crosses only from those keys of the frontier that the scope lets be crossed at the distance. None: at no known
        distance; the frontier may then hold keys of hidden entities, which are not CUT and always crossed.
        """

    def hidden_keys(self, crossings: Crossings, frontier: Collection[int], distance: int | None) -> Hidden:
        """The hidden entities one crossing away, from the same keys of the frontier as in `far_keys`.

        Entities that are CUT are looked up only where a group reports how many entities it withholds.
        """

    def crossed_in_parts(
        self, crossings: Crossings, frontier: Collection[int], distance: int
    ) -> Iterator[tuple[set[int], set[int]]]:
        """The results of `far_keys` and the masked entities of `hidden_keys`, in parts, the cheapest part first.

        A caller can stop at the first part that suffices. All parts together are complete; parts may overlap.
        """

    def tell_withheld(self, keys: Collection[int]) -> bool:
        """Whether every group that withholds one of these hidden entities allows their number to be reported."""

    def crosses(self, key: int, direction: LineageDirection, distance: int) -> bool:
        """Whether an entity may be crossed in a direction (neither BOTH nor CONNECTED) at a distance."""

    def crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        """Every crossing from the keys over an association that shows: the near key, the far key, the association.

        Masked ends, near or far, have their masked keys, in the association's key too, which then has no role.
        """

    def crossed_back(self, crossings: Crossings, keys: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        """Every such crossing that leads to the keys from entities that the walk reached, and maybe from others.

        The near key is the one of `keys`.
        """

    def prefetch_ids(self, ids: Collection[str]) -> None:
        """Announce the records of ids."""

    def prefetch_walks(self, walks: Iterable[tuple[Walk, int | None]]) -> None:
        """Announce walks that begin, or in which paths are traced.

        With the number of nearest entities that the page of the walk shows; None: other entities than the nearest.
        """

    def prefetch_crossings(self, asked: Iterable[tuple[Crossings, Collection[int]]]) -> None:
        """Announce crossings from keys."""

    def prefetch_matches(self, asked: Iterable[tuple[EntityFilter | None, Collection[int]]]) -> None:
        """Announce which keys are matched with which filter."""

    def prefetch_records(self, keys: Collection[int], associations: Collection[AssociationKey]) -> None:
        """Announce the records of keys and of associations."""


_FIRST_PART: Final = 256


class NoPrefetch:
    """No-op prefetches, and crossings in growing parts, for engines whose reads are local."""

    def prefetch_ids(self, ids: Collection[str]) -> None: ...
    def prefetch_walks(self, walks: Iterable[tuple[Walk, int | None]]) -> None: ...
    def prefetch_crossings(self, asked: Iterable[tuple[Crossings, Collection[int]]]) -> None: ...
    def prefetch_matches(self, asked: Iterable[tuple[EntityFilter | None, Collection[int]]]) -> None: ...
    def prefetch_records(self, keys: Collection[int], associations: Collection[AssociationKey]) -> None: ...

    def crossed_in_parts(
        self: Reader, crossings: Crossings, frontier: Collection[int], distance: int
    ) -> Iterator[tuple[set[int], set[int]]]:
        keys = list(frontier)
        begin, size = 0, _FIRST_PART
        while begin < len(keys):
            part = keys[begin : begin + size]
            hidden = self.hidden_keys(crossings, part, distance).masked if self.meets_hidden else set[int]()
            yield self.far_keys(crossings, part, distance), hidden
            begin, size = begin + size, 8 * size
