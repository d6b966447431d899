"""Maps the schema and columnLineage facets to FEATURE entities and their derivations."""

from collections.abc import Iterator, Mapping
from hashlib import sha256

from lineal.capture.openlineage.events import Named, named
from lineal.capture.openlineage.mapped import Mapped
from lineal.capture.openlineage.names import joined_column
from lineal.capture.openlineage.values import Values
from lineal.graphstore.kinds import AssociationType, EntityKind
from lineal.graphstore.values import MAX_WORD_BYTES, Json, Property, text_problem


def map_schema(mapped: Mapped, dataset: Named, urn: str, facet: Json) -> None:
    """Note the columns of a dataset with their types, nested ones by dotted names."""
    if isinstance(facet, dict):
        _map_fields(mapped, dataset, urn, facet.get("fields"), "")


def _map_fields(mapped: Mapped, dataset: Named, urn: str, fields: Json, prefix: str) -> None:
    for member in fields if isinstance(fields, list) else ():
        if not isinstance(member, dict) or not isinstance(member.get("name"), str) or not member["name"]:
            continue
        path = f"{prefix}{member['name']}"
        column = map_column(mapped, dataset, urn, path)
        description, values = member.get("description"), Values()
        for key, value in member.items():
            if key not in ("name", "fields", "description"):
                values.set(f"column.{key}", value)
        is_text = isinstance(description, str) and text_problem(description) is None
        mapped.revise(column, values, description=str(description) if is_text else None, stated={"column"})
        _map_fields(mapped, dataset, urn, member.get("fields"), f"{path}.")


def map_column(mapped: Mapped, dataset: Named, urn: str, column: str) -> str:
    """Note a column of a dataset, and return its urn."""
    feature = mapped.entity(EntityKind.FEATURE, joined_column(dataset.namespace, dataset.name, column))
    mapped.identify(feature, {"namespace": dataset.namespace, "dataset": dataset.name, "name": column})
    mapped.associate(urn, feature, AssociationType.ASSOCIATED_WITH)
    return feature


def map_column_lineage(mapped: Mapped, dataset: Named, urn: str, facet: Json) -> bool:
    """Note the derivations of a dataset's columns; returns False where the facet holds more than derivations."""
    if not isinstance(facet, dict):
        return False
    is_whole = True
    fields, whole = facet.get("fields"), facet.get("dataset")
    for column, content in fields.items() if isinstance(fields, dict) else ():
        inputs = content.get("inputFields") if isinstance(content, dict) else None
        if not isinstance(inputs, list) or not column:
            is_whole = False
            continue
        assert isinstance(content, dict)
        derived = map_column(mapped, dataset, urn, column)
        stated = Values()
        for key, value in content.items():
            if key != "inputFields":
                stated.set(f"columnLineage.{key}", value)
        mapped.revise(derived, stated, stated={"columnLineage"})
        legacy = {"type": content.get("transformationType"), "description": content.get("transformationDescription")}
        for input in inputs:
            is_whole &= _derive(
                mapped, input, derived, {key: value for key, value in legacy.items() if value is not None}
            )
    for input in whole if isinstance(whole, list) else ():
        is_whole &= _derive(mapped, input, urn, {})
    return is_whole and isinstance(fields, dict | None) and isinstance(whole, list | None)


def _derive(mapped: Mapped, source: Json, derived: str, legacy: dict[str, Json]) -> bool:
    dataset = named(source)
    column = source.get("field") if isinstance(source, dict) else None
    if dataset is None or not isinstance(column, str) or not column:
        return False
    assert isinstance(source, dict)
    origin = map_column(mapped, dataset, mapped.dataset(dataset.namespace, dataset.name), column)
    for transformation in transformations_of(source.get("transformations")) or ([legacy] if legacy else [{}]):
        associate_derived(mapped, origin, derived, AssociationType.DERIVED_FROM, transformation)
    return True


def transformations_of(listed: Json) -> list[dict[str, Json]]:
    """Return the transformations of a list, without what is none."""
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def associate_derived(
    mapped: Mapped, source: str, derived: str, type: AssociationType, transformation: Mapping[str, Json]
) -> None:
    """Note an association that states how one dataset, column or job comes from another."""
    stated = {key: value for key, value in transformation.items() if value is not None and value != ""}
    mapped.associate(source, derived, type, _role(stated), tuple(_properties(stated)))


def _properties(stated: Mapping[str, Json]) -> Iterator[Property]:
    values = Values()
    for key, value in stated.items():
        values.set(f"transformation.{key}", value)
    return iter(values.properties.values())


def _role(stated: Mapping[str, Json]) -> str | None:
    """A role that is unique to a transformation, because a recorded association never changes."""
    words = [str(stated[key]) for key in ("type", "subtype") if isinstance(stated.get(key), str)]
    if stated.get("masking") is True:
        words.append("MASKED")
    further = {key: value for key, value in stated.items() if key not in ("type", "subtype")}
    if further.pop("masking", False) not in (True, False) or further:
        words.append(sha256(repr(sorted(stated.items())).encode("utf-8", "surrogatepass")).hexdigest()[:12])
    role = " ".join(words)
    if text_problem(role, MAX_WORD_BYTES) is not None:
        role = sha256(repr(sorted(stated.items())).encode("utf-8", "surrogatepass")).hexdigest()
    return role or None
