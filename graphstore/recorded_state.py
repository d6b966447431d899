"""What stands, as it was first recorded: what conflicts are judged by, and what export writes."""

from lineal.graphstore.batches import NewAssociation, NewEntity, NewRevision
from lineal.graphstore.records import Association, Entity, Revision


def as_new_entity(entity: Entity) -> NewEntity:
    """The entity that, recorded, gives this record."""
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
    """The association that, recorded, gives this record."""
    return NewAssociation(
        association.source_urn,
        association.destination_urn,
        association.type,
        association.role,
        association.properties,
        association.occurred_at,
    )


def as_new_revision(revision: Revision, entity: str) -> NewRevision:
    """The revision of the entity of a urn that, appended, gives this record."""
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
