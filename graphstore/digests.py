"""Digests: SHA-256 over the canonical form of a record as first recorded.

A form is canonical JSON (RFC 8785) with absent fields and empty lists omitted, every number a string tagged with its
type, and timestamps as RFC 3339 in UTC with six digits. When and by whom it was recorded here is never part of it, so
two stores that hold the same record hold the same digest.
"""

from collections.abc import Iterable
from hashlib import sha256

from lineal.graphstore.batches import NewAssociation, NewEntity, NewRevision
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.records import Source
from lineal.graphstore.values import Property, canonical_bytes, format_float, format_timestamp, tagged_json


def digest(form: dict[str, object]) -> str:
    """64 hexadecimal digits of SHA-256 over the form's canonical bytes."""
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
    return _present({"uri": source.uri, "type": source.type, "ids": ids})


def _present(form: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in form.items() if value is not None and value not in ([], {})}


def _when(occurred_at: int | None) -> str | None:
    return None if occurred_at is None else format_timestamp(occurred_at)


def entity_form(entity: NewEntity) -> dict[str, object]:
    """The digest form of an entity. Its `occurred_at` must have been settled for a final digest."""
    return _present(
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
            "occurredAt": _when(entity.occurred_at),
        }
    )


def association_form(association: NewAssociation) -> dict[str, object]:
    """The digest form of an association: both urns, type, role, properties, occurredAt."""
    return _present(
        {
            "source": association.source,
            "destination": association.destination,
            "type": str(association.type),
            "role": association.role,
            "properties": _properties_form(association.properties),
            "occurredAt": _when(association.occurred_at),
        }
    )


def revision_form(
    revision: NewRevision, entity_digest: str, previous_digest: str | None, sequence: int
) -> dict[str, object]:
    """The digest form of a revision: entity digest, previous digest, sequence, set, removed, occurredAt.

    `previous` is the digest of the revision one lower in sequence, absent on the first: the revisions of an entity are
    a chain. Empty `tags` are kept where they are set, because setting none differs from leaving them.
    """
    return _present(
        {
            "entity": entity_digest,
            "previous": previous_digest,
            "sequence": str(sequence),
            "set": revision_set_form(revision),
            "removed": sorted(set(revision.removed)),
            "occurredAt": _when(revision.occurred_at),
        }
    )


def change_digest(revision: NewRevision) -> bytes:
    """16 bytes of SHA-256 over what a revision sets and removes: alike for revisions that do the same."""
    form = {"set": revision_set_form(revision), "removed": sorted(set(revision.removed))}
    return sha256(canonical_bytes(form)).digest()[:16]


def revision_set_form(revision: NewRevision) -> dict[str, object]:
    """What a revision sets, in digest form."""
    form = _present(
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


def differing_fields(form: dict[str, object], standing: dict[str, object]) -> tuple[str, ...]:
    """The fields in which two forms of one identity differ, properties each by its key: `properties.lr`."""
    names: list[str] = []
    for field in sorted(form.keys() | standing.keys()):
        ours, theirs = form.get(field), standing.get(field)
        if ours == theirs:
            continue
        if field == "properties":
            left = ours if isinstance(ours, dict) else {}
            right = theirs if isinstance(theirs, dict) else {}
            keys = sorted(key for key in left.keys() | right.keys() if left.get(key) != right.get(key))
            names += [f"properties.{key}" for key in keys]
        else:
            names.append(field)
    return tuple(names)
