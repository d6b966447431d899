"""Digests: SHA-256 of the canonical form of a record as first recorded.

A form is canonical JSON (RFC 8785): absent fields and empty lists are omitted, every number is a string tagged with its
type, and timestamps are RFC 3339 in UTC with six digits. A form never contains when and by whom the record was
recorded, so two stores with the same record have the same digest.
"""

from collections.abc import Iterable
from hashlib import sha256

from lineal.graphstore.batches import NewAssociation, NewEntity, NewRevision
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.records import Source
from lineal.graphstore.values import Property, canonical_bytes, format_float, format_timestamp, tagged_json


def digest(form: dict[str, object]) -> str:
    """Return the SHA-256 of the form's canonical bytes, as 64 hexadecimal digits."""
    return sha256(canonical_bytes(form)).hexdigest()


def _value_form(property: Property) -> object:
    value = property.value
    match property.type:
        case PropertyType.STRING:
            return {"string": value}
        case PropertyType.INTEGER:
            return {"int": str(value)}
        case PropertyType.FLOAT:
            assert isinstance(value, float)
            return {"float": format_float(value)}
        case PropertyType.BOOLEAN:
            return {"boolean": value}
        case PropertyType.TIMESTAMP:
            assert isinstance(value, int)
            return {"timestamp": format_timestamp(value)}
        case PropertyType.JSON:
            return {"json": tagged_json(value)}


def _properties_form(properties: Iterable[Property]) -> dict[str, object]:
    return {property.key: _value_form(property) for property in properties}


def _source_form(source: Source) -> dict[str, object]:
    ids = [{"type": type, "value": value} for type, value in sorted({(str(id.type), id.value) for id in source.ids})]
    return _without_absent({"uri": source.uri, "type": source.type, "ids": ids})


def _without_absent(form: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in form.items() if value is not None and value not in ([], {})}


def _timestamp(occurred_at: int | None) -> str | None:
    return None if occurred_at is None else format_timestamp(occurred_at)


def entity_form(entity: NewEntity) -> dict[str, object]:
    """Return the digest form of an entity. For a final digest, the entity must have its `occurred_at`."""
    return _without_absent(
        {
            "account": entity.account,
            "kind": str(entity.kind),
            "name": entity.name,
            "version": entity.version,
            "type": entity.type,
            "description": entity.description,
            "title": entity.title,
            "status": None if entity.status is None else str(entity.status),
            "tags": sorted(set(entity.tags)),
            "source": None if entity.source is None else _source_form(entity.source),
            "properties": _properties_form(entity.properties),
            "occurredAt": _timestamp(entity.occurred_at),
        }
    )


def association_form(association: NewAssociation) -> dict[str, object]:
    """Return the digest form of an association: both URNs, type, role, properties, occurredAt."""
    return _without_absent(
        {
            "source": association.source,
            "destination": association.destination,
            "type": str(association.type),
            "role": association.role,
            "properties": _properties_form(association.properties),
            "occurredAt": _timestamp(association.occurred_at),
        }
    )


def revision_form(
    revision: NewRevision, entity_digest: str, previous_digest: str | None, sequence: int
) -> dict[str, object]:
    """Return the digest form of a revision: entity digest, previous digest, sequence, set, removed, occurredAt.

    `previous_digest` is the digest of the revision with the next lower sequence number, None for the first: the
    revisions of an entity form a chain. Empty `tags` are kept if they are set, because clearing the tags differs from
    leaving them.
    """
    return _without_absent(
        {
            "entity": entity_digest,
            "previous": previous_digest,
            "sequence": str(sequence),
            "set": revision_set_form(revision),
            "removed": sorted(set(revision.removed)),
            "occurredAt": _timestamp(revision.occurred_at),
        }
    )


def change_digest(revision: NewRevision) -> bytes:
    """Return 16 bytes of SHA-256 of the fields that a revision sets and removes, to compare revisions by."""
    form = {"set": revision_set_form(revision), "removed": sorted(set(revision.removed))}
    return sha256(canonical_bytes(form)).digest()[:16]


def revision_set_form(revision: NewRevision) -> dict[str, object]:
    """Return the digest form of the fields that a revision sets."""
    form = _without_absent(
        {
            "status": None if revision.status is None else str(revision.status),
            "description": revision.description,
            "title": revision.title,
            "properties": _properties_form(revision.properties),
            "supersededBy": revision.superseded_by,
        }
    )
    if revision.tags is not None:
        form["tags"] = sorted(set(revision.tags))
    return form


def differing_fields(form: dict[str, object], recorded: dict[str, object]) -> tuple[str, ...]:
    """Return the fields in which two forms of one identity differ, each property by its key: `properties.lr`."""
    names: list[str] = []
    for field in sorted(form.keys() | recorded.keys()):
        new_value, old_value = form.get(field), recorded.get(field)
        if new_value == old_value:
            continue
        if field == "properties":
            new = new_value if isinstance(new_value, dict) else {}
            old = old_value if isinstance(old_value, dict) else {}
            keys = sorted(key for key in new.keys() | old.keys() if new.get(key) != old.get(key))
            names += [f"properties.{key}" for key in keys]
        else:
            names.append(field)
    return tuple(names)
