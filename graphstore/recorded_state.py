"""Converts records to parts of a batch: for the comparison with recorded parts, and for exports."""

from lineal.graphstore.batches import NewAssociation, NewEntity, NewRevision
from lineal.graphstore.records import Association, Entity, Revision


def as_new_entity(entity: Entity) -> NewEntity:
    """Return the entity whose recording gives this record."""
    return NewEntity(
        entity.account,
        entity.kind,
        entity.name,
        entity.version,
        entity.type,
        entity.description,
        entity.status,
        entity.source,
        entity.tags,
        entity.properties,
        entity.occurred_at,
        entity.title,
    )


def as_new_association(association: Association) -> NewAssociation:
    """Return the association whose recording gives this record."""
    return NewAssociation(
        association.source_urn,
        association.destination_urn,
        association.type,
        association.role,
        association.properties,
        association.occurred_at,
    )


def as_new_revision(revision: Revision, entity: str) -> NewRevision:
    """Return the revision, of the entity with this URN, whose recording gives this record."""
    return NewRevision(
        entity,
        revision.status,
        revision.tags,
        revision.description,
        revision.properties,
        revision.removed,
        revision.superseded_by,
        revision.occurred_at,
        revision.rank,
        revision.title,
    )
