"""Encodes records as text: one property of a vertex or an edge has a whole record, so that one step reads it.

An entity is `record` on its vertex. A revision is `line` on an edge from its entity to itself (see also
`checkpoints`). An association is `line`
on its edge; its properties are separate, as `content`, since few reads need them.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import orjson

from lineal.graphstore.batches import NewAssociation, NewEntity, NewRevision
from lineal.graphstore.codes import KINDS, TYPES, AssociationKey
from lineal.graphstore.content_codec import (
    packed,
    packed_properties,
    packed_source,
    unpacked_properties,
    unpacked_source,
    unpacked_words,
)
from lineal.graphstore.gremlin.vertex_ids import key_of
from lineal.graphstore.kinds import EntityStatus
from lineal.graphstore.records import Association, Entity, Revision, View
from lineal.graphstore.urns import association_id, entity_id

ENTITY: Final = "E"
"""The first field of an entity as text."""
_REVISION: Final = "R"


class AssociationLine(NamedTuple):
    """An association from the `line` of its edge; `occurred_at` is its own, None if it has none."""

    source: int
    type: int
    destination: int
    role: str
    source_urn: str
    destination_urn: str
    occurred_at: int | None
    recorded_at: int
    recorded_by: str
    digest: str
    has_content: bool

    @property
    def key(self) -> AssociationKey:
        """The key that identifies the association."""
        return self[:4]


def packed_line(key: AssociationKey, association: NewAssociation, digest: str, at: int, by: str) -> str:
    """Return an association as a line."""
    ends = (association.source, association.destination)
    return packed([*key, *ends, association.occurred_at, at, by, digest, bool(association.properties)])


def unpacked(texts: Iterable[str]) -> list[list[Any]]:
    """Return the fields of each text, all parsed at once, for `entity_of`, `revision_of` or `line_of`."""
    fields: list[list[Any]] = orjson.loads(f"[{','.join(texts)}]")
    return fields


def line_of(fields: list[Any]) -> AssociationLine:
    """Return the line from the fields of a text of `packed_line`."""
    return AssociationLine(*fields)


def association_of(line: AssociationLine, content: str | None, occurred_at: int | None, view: View) -> Association:
    """Return the record of a line, with the properties on its edge, and a time."""
    type, role = TYPES[line.type], line.role or None
    return Association(
        association_id(line.source_urn, line.destination_urn, type, role),
        entity_id(line.source_urn),
        line.source_urn,
        entity_id(line.destination_urn),
        line.destination_urn,
        type,
        role,
        unpacked_properties(content),
        occurred_at,
        line.recorded_at,
        line.recorded_by,
        line.digest,
        view,
    )


def packed_entity(urn: str, code: int, entity: NewEntity, digest: str, at: int, by: str) -> str:
    """Return an entity as text."""
    source = entity.source
    return packed(
        [
            ENTITY, urn, entity.account, code, entity.name, entity.version, entity.type, entity.description,
            entity.title, entity.status, None if source is None else source.uri, packed_source(source),
            packed(sorted(set(entity.tags))) if entity.tags else None, packed_properties(entity.properties),
            entity.occurred_at, at, by, digest,
        ]
    )  # fmt: skip


def packed_revision(key: int, sequence: int, revision: NewRevision, digest: str, at: int, by: str) -> str:
    """Return a revision as text."""
    return packed(
        [
            _REVISION, key, sequence, revision.status,
            None if revision.tags is None else packed(sorted(set(revision.tags))), revision.description,
            revision.title, packed_properties(revision.properties), packed(sorted(set(revision.removed))),
            revision.superseded_by, revision.occurred_at, revision.rank, at, by, digest,
        ]
    )  # fmt: skip


def _status(text: str | None) -> EntityStatus | None:
    return None if text is None else EntityStatus(text)


def revision_of(fields: list[Any], view: View) -> tuple[int, Revision]:
    """Return an entity's key and a revision of it, with an empty `entity_id`, from the fields of its text."""
    _, key, sequence, status, tags, description, title, properties, removed, superseded_by, *rest = fields
    occurred_at, rank, at, by, digest = rest
    return key, Revision(
        "",
        sequence,
        _status(status),
        None if tags is None else unpacked_words(tags),
        description,
        title,
        unpacked_properties(properties),
        unpacked_words(removed),
        superseded_by,
        occurred_at,
        rank,
        at,
        by,
        digest,
        view,
    )


def entity_of(fields: list[Any], view: View) -> tuple[int, Entity]:
    """Return an entity's key and the entity as first recorded, from the fields of its text."""
    _, urn, account, code, name, version, type, description, title, status, uri, source, tags, properties, *rest = (
        fields
    )
    occurred_at, at, by, digest = rest
    id = entity_id(urn)
    return key_of(id, code), Entity(
        id,
        urn,
        account,
        KINDS[code],
        name,
        version,
        type,
        description,
        title,
        _status(status),
        None if uri is None and source is None else unpacked_source(uri, source),
        unpacked_words(tags),
        unpacked_properties(properties),
        occurred_at,
        at,
        by,
        digest,
        view,
    )
