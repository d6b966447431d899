"""An entity as read: its record with revisions folded in.

Each field and each property key keeps the order of the revision that decides it, and the status that of one revision of
each rank. So revisions may be applied in any sequence, and one more costs the same however many came before.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from lineal.graphstore.batches import NewRevision
from lineal.graphstore.kinds import EntityStatus
from lineal.graphstore.records import Entity, Revision
from lineal.graphstore.values import Property

FoldOrder: TypeAlias = tuple[int, int, int]
"""(occurred_at, rank, sequence): of two revisions that set a field, the greater decides it."""
RUNNING, TERMINAL = 1, 2
"""A status of rank RUNNING does not count beside one of rank TERMINAL, whatever their times."""


def fold_order(revision: Revision) -> FoldOrder:
    """The position of a revision in the order in which revisions fold."""
    return revision.occurred_at, revision.rank, revision.sequence


@dataclass(slots=True)
class RevisedFields:
    """What the revisions of one entity set, each field with the fold order that decides it.

    A property key whose value is None is removed.
    """

    statuses: dict[int, tuple[FoldOrder, EntityStatus]] = field(default_factory=dict)
    """By rank: the last status that a revision of the rank sets."""
    tags: tuple[FoldOrder, tuple[str, ...]] | None = None
    description: tuple[FoldOrder, str] | None = None
    title: tuple[FoldOrder, str] | None = None
    properties: dict[str, tuple[FoldOrder, Property | None]] = field(default_factory=dict)

    def apply(self, revision: Revision | NewRevision, order: FoldOrder) -> None:
        """Fold one revision in. Within a revision, removal comes before setting."""
        if revision.status is not None and _decides(order, self.statuses.get(revision.rank)):
            self.statuses[revision.rank] = order, revision.status
        if revision.tags is not None and _decides(order, self.tags):
            self.tags = order, tuple(sorted(set(revision.tags)))
        if revision.description is not None and _decides(order, self.description):
            self.description = order, revision.description
        if revision.title is not None and _decides(order, self.title):
            self.title = order, revision.title
        changes: dict[str, Property | None] = dict.fromkeys(revision.removed)
        changes |= {each.key: each for each in revision.properties}
        for key, value in changes.items():
            if _decides(order, self.properties.get(key)):
                self.properties[key] = order, value

    @property
    def status(self) -> EntityStatus | None:
        """The status that revisions set; None where none sets one."""
        is_over = TERMINAL in self.statuses
        counting = [each for rank, each in self.statuses.items() if not (is_over and rank == RUNNING)]
        return max(counting)[1] if counting else None

    def applied_to(self, entity: Entity) -> Entity:
        """The entity with these fields; its identity, source, times and digest stay its record's."""
        properties = {each.key: each for each in entity.properties}
        for key, (_, value) in self.properties.items():
            if value is None:
                properties.pop(key, None)
            else:
                properties[key] = value
        return replace(
            entity,
            status=entity.status if self.status is None else self.status,
            tags=entity.tags if self.tags is None else self.tags[1],
            description=entity.description if self.description is None else self.description[1],
            title=entity.title if self.title is None else self.title[1],
            properties=tuple(properties[key] for key in sorted(properties)),
        )


def _decides(order: FoldOrder, current: tuple[FoldOrder, object] | None) -> bool:
    return current is None or order > current[0]


@dataclass(slots=True)
class FoldedRevisions:
    """What some revisions of one entity set together, and the earliest and the latest of their times."""

    fields: RevisedFields = field(default_factory=RevisedFields)
    times: tuple[int, int] | None = None
    """None without revisions."""

    def apply(self, revision: Revision | NewRevision, order: FoldOrder) -> None:
        """Fold one revision in."""
        self.fields.apply(revision, order)
        earliest, latest = self.times or (order[0], order[0])
        self.times = min(earliest, order[0]), max(latest, order[0])

    def applied_to(self, entity: Entity) -> Entity:
        """The entity with the revisions folded in; known from the earliest time of all."""
        known_from = min(entity.occurred_at, self.times[0] if self.times else entity.occurred_at)
        return replace(self.fields.applied_to(entity), occurred_at=known_from)


def folded(entity: Entity, revisions: Iterable[Revision]) -> Entity:
    """The entity with revisions folded in, in whatever sequence they come; known from the earliest time of all."""
    together = FoldedRevisions()
    for revision in revisions:
        together.apply(revision, fold_order(revision))
    return together.applied_to(entity)
