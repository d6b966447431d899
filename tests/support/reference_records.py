"""What the reference model keeps, and the records it shows of it."""

from dataclasses import dataclass, replace
from math import isnan
from typing import Generic, TypeVar

from lineal.graphstore.batches import NewAssociation, NewEntity, NewObservation, NewRevision
from lineal.graphstore.records import Association, Entity, Observation, Revision, Source, SourceId, View
from lineal.graphstore.urns import association_id, entity_id

Part = TypeVar("Part", NewEntity, NewAssociation, NewRevision)


@dataclass(frozen=True)
class Kept(Generic[Part]):
    """A part as recorded: its content, with `occurred_at` settled but for an association's; when, by whom, its digest.

    `urn` is the entity's, or the revised entity's; `sequence` a revision's.
    """

    part: Part
    urn: str
    sequence: int
    at: int
    by: str
    digest: str

    @property
    def occurred_at(self) -> int:
        assert self.part.occurred_at is not None
        return self.part.occurred_at


@dataclass(frozen=True)
class Observed:
    """An observation as recorded: its time settled and -0 as 0, when, and by whom."""

    part: NewObservation
    at: int
    by: str

    @property
    def occurred_at(self) -> int:
        assert self.part.occurred_at is not None
        return self.part.occurred_at

    @property
    def place(self) -> tuple[str, str, int, int, bool, float]:
        """What makes an observation one and the same; also the order observations are exported in, NaN first."""
        part, is_nan = self.part, isnan(self.part.value)
        return part.entity, part.metric, part.step, self.occurred_at, not is_nan, 0.0 if is_nan else part.value


def observation_of(kept: Observed, view: View) -> Observation:
    part = kept.part
    return Observation(
        entity_id(part.entity), part.metric, part.step, part.value, kept.occurred_at, kept.at, kept.by, view
    )


def identity(part: NewAssociation) -> tuple[str, str, str, str]:
    """What makes an association one and the same; also the order associations are listed in."""
    return part.source, part.destination, part.type, part.role or ""


def place(association: Association) -> tuple[str, str, str, str]:
    return association.source_urn, association.destination_urn, association.type, association.role or ""


def fold_order(kept: Kept[NewRevision]) -> tuple[int, int, int]:
    return kept.occurred_at, kept.part.rank, kept.sequence


def foldable(revisions: list[Kept[NewRevision]]) -> list[Kept[NewRevision]]:
    """The revisions of a view in the order they fold in, without the statuses that do not count."""
    over = {kept.urn for kept in revisions if kept.part.rank == 2 and kept.part.status is not None}
    return [
        replace(kept, part=replace(kept.part, status=None)) if kept.part.rank == 1 and kept.urn in over else kept
        for kept in sorted(revisions, key=fold_order)
    ]


def normal(part: Part) -> Part:
    """With sets in their order and -0 as 0, as a store gives them back."""
    zeroed = [replace(each, value=0.0) if str(each.value) == "-0.0" else each for each in part.properties]
    part = replace(part, properties=tuple(sorted(zeroed, key=lambda property: property.key)))
    if isinstance(part, NewEntity):
        return replace(part, tags=tuple(sorted(set(part.tags))), source=_source(part.source))
    if isinstance(part, NewRevision):
        tags = None if part.tags is None else tuple(sorted(set(part.tags)))
        return replace(part, tags=tags, removed=tuple(sorted(set(part.removed))))
    return part


def _source(source: Source | None) -> Source | None:
    if source is None or source == Source():
        return None
    ids = {(id.type, id.value) for id in source.ids}
    return replace(source, ids=tuple(SourceId(*id) for id in sorted(ids)))


def entity_of(kept: Kept[NewEntity], known_from: int, view: View) -> Entity:
    """An entity as first recorded, but for the time from which it is known."""
    part = normal(kept.part)
    return Entity(
        entity_id(kept.urn), kept.urn, part.account, part.kind, part.name, part.version, part.type, part.description,
        part.title, part.status, part.source, part.tags, part.properties, known_from, kept.at, kept.by,
        kept.digest, view,
    )  # fmt: skip


def changed(entity: Entity, kept: Kept[NewRevision]) -> Entity:
    """The entity with one more revision folded in."""
    part = normal(kept.part)
    properties = {p.key: p for p in entity.properties if p.key not in part.removed}
    properties |= {p.key: p for p in part.properties}
    return replace(
        entity,
        status=entity.status if part.status is None else part.status,
        tags=entity.tags if part.tags is None else part.tags,
        description=entity.description if part.description is None else part.description,
        title=entity.title if part.title is None else part.title,
        properties=tuple(properties[key] for key in sorted(properties)),
    )


def association_of(kept: Kept[NewAssociation], ends_at: int, view: View) -> Association:
    """An association as read, both ends of which are known from a time on."""
    part = normal(kept.part)
    occurred_at = ends_at if part.occurred_at is None else part.occurred_at
    return Association(
        association_id(part.source, part.destination, part.type, part.role), entity_id(part.source), part.source,
        entity_id(part.destination), part.destination, part.type, part.role, part.properties, occurred_at,
        kept.at, kept.by, kept.digest, view,
    )  # fmt: skip


def revision_of(kept: Kept[NewRevision], view: View) -> Revision:
    part = normal(kept.part)
    return Revision(
        entity_id(kept.urn), kept.sequence, part.status, part.tags, part.description, part.title, part.properties,
        part.removed, part.superseded_by, kept.occurred_at, part.rank, kept.at, kept.by, kept.digest, view,
    )  # fmt: skip
