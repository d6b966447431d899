"""Which associations a walk crosses, and what it asks of an engine's reads."""

from collections.abc import Collection, Iterable
from typing import NamedTuple, Protocol

from lineal.graphstore.codes import KIND_MASK, RESTRICTED, TYPE_CODES, TYPES, AssociationKey
from lineal.graphstore.filters import matches_bare
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import AssociationFilter, EntityFilter, Walk
from lineal.graphstore.records import Association, Entity, Restricted, Revision


class Crossings:
    """Which associations lead on from keys, in one direction (not BOTH), under a filter.

    `ways` are the directions in which an association of any type is crossed; a SAME_AS is crossed in both always.
    `types` are the codes of the types allowed, None for all; `asks_only_types`: the filter asks for nothing else.
    """

    def __init__(self, direction: LineageDirection, via: AssociationFilter | None) -> None:
        self.direction, self.via = direction, via
        self.asks_only_types = via is None or via == AssociationFilter(type=via.type)
        self.types = None if via is None or via.type is None else [TYPE_CODES[type] for type in via.type]
        ways = [LineageDirection.ASCENDANTS, LineageDirection.DESCENDANTS]
        self.ways: list[LineageDirection] = ways if direction is LineageDirection.CONNECTED else [direction]

    @property
    def beside_hidden(self) -> frozenset[int]:
        """The codes of the types of association that are crossed to and from hidden entities."""
        return frozenset(code for code, type in enumerate(TYPES) if self.via is None or matches_bare(type, self.via))

    def reversed(self) -> "Crossings":
        """The crossings that lead back."""
        back = {
            LineageDirection.ASCENDANTS: LineageDirection.DESCENDANTS,
            LineageDirection.DESCENDANTS: LineageDirection.ASCENDANTS,
        }
        return Crossings(back.get(self.direction, self.direction), self.via)


class Hidden(NamedTuple):
    """Entities of the view that are not readable, by keys, by what becomes of them where a walk meets them."""

    masked: set[int]
    bridged: set[int]
    cut: set[int]


def masked(key: int) -> int:
    """The key under which an entity is shown as restricted: walks and pages take it as they take any other."""
    return key | RESTRICTED


def is_masked(key: int) -> bool:
    """Whether a key is that of an entity shown as restricted."""
    return key & KIND_MASK == RESTRICTED


class Records(Protocol):
    """Records of one view in one engine, for the length of one call on a worker thread; any method may wait for it.

    All of them are as the view's scope shows them.
    """

    def keys_of(self, ids: Collection[str]) -> dict[str, int]:
        """The keys of the ids that exist in the view and are readable."""

    def urns(self, keys: Collection[int]) -> dict[int, str]:
        """The urns of keys known to exist in the view; of masked keys the restricted urns."""

    def entities(self, keys: Collection[int], *, as_recorded: bool = False) -> dict[int, Entity]:
        """The records of keys known to be readable, with revisions folded in unless wanted as first recorded."""

    def restricted(self, keys: Collection[int]) -> dict[int, Restricted]:
        """What is shown of masked keys."""

    def revisions(self, keys: Collection[int], occurred_at: int | None = None) -> dict[int, list[Revision]]:
        """The revisions, in no promised order, of those keys that have any in the view; or only those of one time."""

    def numbered_revisions(self, numbers: Collection[tuple[int, int]]) -> dict[tuple[int, int], Revision]:
        """Of (key, sequence) those that exist in the view, of entities all of whose property keys show."""

    def associations(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, Association]:
        """The records of associations known to exist in the view."""


class Reader(Records, Protocol):
    """Records, and what crosses from key to key.

    `sees_nothing`: the scope allows nothing, and `keys_of` finds none. `is_settled`: no later batch can be of the
    view's moment, so what is read stays as it is for ever. `meets_hidden`: what is not readable may show all the same.

    What is going to be asked is foreseen, for all questions of a call at once, so that an engine which is far away
    fetches it in one journey; what was not foreseen is answered all the same.
    """

    sees_nothing: bool
    is_settled: bool
    meets_hidden: bool

    def matching(self, keys: Collection[int], where: EntityFilter | None) -> Collection[int]:
        """Those of the keys, readable or masked ones, whose entities match; in their order."""

    def far_keys(self, crossings: Crossings, frontier: Collection[int], distance: int | None) -> set[int]:
        """Every readable key one crossing away; negative where the crossing was a SAME_AS.

        Only from those of the frontier that may be crossed at the distance. None: at no known distance; the frontier
        may then hold keys of hidden entities, which are not cut and always crossed.
        """

    def hidden_keys(self, crossings: Crossings, frontier: Collection[int], distance: int | None) -> Hidden:
        """The hidden entities one crossing away, from those of the frontier as `far_keys` takes them.

        What is cut is looked for only where some group tells what is withheld.
        """

    def tell_withheld(self, keys: Collection[int]) -> bool:
        """Whether every group that withholds one of these hidden entities lets it be told."""

    def crosses(self, key: int, direction: LineageDirection, distance: int) -> bool:
        """Whether an entity may be crossed in a direction (neither BOTH nor CONNECTED) at a distance."""

    def crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        """Every crossing from the keys over an association that shows: the near key, the far key, the association.

        Ends that are masked, near or far, have their masked keys, in the association's key too, which then has no role.
        """

    def crossed_back(self, crossings: Crossings, keys: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        """Every such crossing that leads to the keys from what the walk reached, and maybe others; near is the key."""

    def prefetch_ids(self, ids: Collection[str]) -> None:
        """The records of ids are going to be asked for."""

    def prefetch_walks(self, walks: Iterable[tuple[Walk, int | None]]) -> None:
        """Walks are going to begin, or paths to be traced in them.

        Each with how many of the nearest it reaches will be shown; None: it is not known which.
        """

    def prefetch_crossings(self, asked: Iterable[tuple[Crossings, Collection[int]]]) -> None:
        """Crossings from keys are going to be asked for."""

    def prefetch_matches(self, asked: Iterable[tuple[EntityFilter | None, Collection[int]]]) -> None:
        """It is going to be asked which of some keys match."""

    def prefetch_records(self, keys: Collection[int], associations: Collection[AssociationKey]) -> None:
        """The records of keys and of associations are going to be asked for."""


class NoPrefetch:
    """What an engine foresees for which every read is near: nothing."""

    def prefetch_ids(self, ids: Collection[str]) -> None: ...
    def prefetch_walks(self, walks: Iterable[tuple[Walk, int | None]]) -> None: ...
    def prefetch_crossings(self, asked: Iterable[tuple[Crossings, Collection[int]]]) -> None: ...
    def prefetch_matches(self, asked: Iterable[tuple[EntityFilter | None, Collection[int]]]) -> None: ...
    def prefetch_records(self, keys: Collection[int], associations: Collection[AssociationKey]) -> None: ...
