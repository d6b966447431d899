"""An entity as read: its record with revisions folded in."""

from collections.abc import Iterable
from dataclasses import replace

from lineal.graphstore.records import Entity, Revision


def fold_order(revision: Revision) -> tuple[int, int, int]:
    """The order revisions fold in: (occurred_at, rank, sequence)."""
    return revision.occurred_at, revision.rank, revision.sequence


def folded(entity: Entity, revisions: Iterable[Revision]) -> Entity:
    """The entity with the revisions folded in; its identity, source, times and digest stay its record's."""
    status, tags, description = entity.status, entity.tags, entity.description
    properties = {property.key: property for property in entity.properties}
    for revision in sorted(revisions, key=fold_order):
        for key in revision.removed:
            properties.pop(key, None)
        properties |= {property.key: property for property in revision.properties}
        status = status if revision.status is None else revision.status
        tags = tags if revision.tags is None else revision.tags
        description = description if revision.description is None else revision.description
    ordered = tuple(properties[key] for key in sorted(properties))
    return replace(entity, status=status, tags=tags, description=description, properties=ordered)
