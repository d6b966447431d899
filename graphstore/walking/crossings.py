"""Which associations a walk crosses, and what it asks of an engine's reads."""

from collections.abc import Collection, Iterable
from typing import Protocol

from lineal.graphstore.codes import TYPE_CODES, AssociationKey
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import AssociationFilter, EntityFilter, Walk
from lineal.graphstore.records import Association, Entity, Revision


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

    def reversed(self) -> "Crossings":
        """The crossings that lead back."""
        back = {
            LineageDirection.ASCENDANTS: LineageDirection.DESCENDANTS,
            LineageDirection.DESCENDANTS: LineageDirection.ASCENDANTS,
        }
        return Crossings(back.get(self.direction, self.direction), self.via)


class Records(Protocol):
    """Records of one view in one engine, for the length of one call on a worker thread; any method may wait for it."""

    def keys_of(self, ids: Collection[str]) -> dict[str, int]:
        """The keys of the ids that exist in the view."""

    def urns(self, keys: Collection[int]) -> dict[int, str]:
        """The urns of keys known to exist in the view."""

    def entities(self, keys: Collection[int], *, as_recorded: bool = False) -> dict[int, Entity]:
        """The records of keys known to exist in the view, with revisions folded in unless wanted as first recorded."""

    def revisions(self, keys: Collection[int]) -> dict[int, list[Revision]]:
        """The revisions, in no promised order, of those keys that have any in the view."""

    def associations(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, Association]:
        """The records of associations known to exist in the view."""


class Reading(Records, Protocol):
    """Records, and what crosses from key to key.

    `sees_nothing`: the scope allows nothing, and `keys_of` finds none. `is_settled`: no later batch can be of the
    view's moment, so what is read stays as it is for ever.

    What is going to be asked is foreseen, for all questions of a call at once, so that an engine which is far away
    fetches it in one journey; what was not foreseen is answered all the same.
    """

    sees_nothing: bool
    is_settled: bool

    def matching(self, keys: Collection[int], where: EntityFilter | None) -> Collection[int]:
        """Those of the keys, known to exist in the view, whose entities match; in their order."""

    def far_keys(self, crossings: Crossings, frontier: Collection[int]) -> set[int]:
        """Every key one crossing away; negative where the crossing was a SAME_AS."""

    def crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        """Every crossing from the keys: the near key, the far key, the association."""

    def crossed_back(self, crossings: Crossings, keys: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        """Every crossing that leads to the keys from what the walk reached, and maybe others; near is the key."""

    def foresee_ids(self, ids: Collection[str]) -> None:
        """The records of ids are going to be asked for."""

    def foresee_walks(self, walks: Iterable[tuple[Walk, int | None]]) -> None:
        """Walks are going to begin, or paths to be traced in them.

        Each with how many of the nearest it reaches will be shown; None: it is not known which.
        """

    def foresee_crossings(self, asked: Iterable[tuple[Crossings, Collection[int]]]) -> None:
        """Crossings from keys are going to be asked for."""

    def foresee_matches(self, asked: Iterable[tuple[EntityFilter | None, Collection[int]]]) -> None:
        """It is going to be asked which of some keys match."""

    def foresee_records(self, keys: Collection[int], associations: Collection[AssociationKey]) -> None:
        """The records of keys and of associations are going to be asked for."""


class Near:
    """What an engine foresees for which every read is near: nothing."""

    def foresee_ids(self, ids: Collection[str]) -> None: ...
    def foresee_walks(self, walks: Iterable[tuple[Walk, int | None]]) -> None: ...
    def foresee_crossings(self, asked: Iterable[tuple[Crossings, Collection[int]]]) -> None: ...
    def foresee_matches(self, asked: Iterable[tuple[EntityFilter | None, Collection[int]]]) -> None: ...
    def foresee_records(self, keys: Collection[int], associations: Collection[AssociationKey]) -> None: ...
