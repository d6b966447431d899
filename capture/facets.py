"""OpenLineage facets as properties, a description, and keys to remove.

The facets that OpenLineage publishes become one typed property a field: `sql.query`, `processing_engine.version`.
Fields that are arrays or objects are JSON. Any other facet is one JSON property under the facet's name. What starts
with `_` says who made the facet and is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.values import Json, Property, parse_timestamp

PUBLISHED: Final[Mapping[str, tuple[str, ...]]] = {
    "catalog": ("framework", "type", "name", "metadataUri", "warehouseUri", "source", "catalogProperties"),
    "columnLineage": ("fields", "dataset"),
    "dataQualityAssertions": ("assertions",),
    "dataQualityMetrics": ("rowCount", "bytes", "fileCount", "lastUpdated", "columnMetrics"),
    "dataSource": ("name", "uri"),
    "datasetType": ("datasetType", "subType"),
    "documentation": ("description", "contentType"),
    "environmentVariables": ("environmentVariables",),
    "errorMessage": ("message", "programmingLanguage", "stackTrace"),
    "externalQuery": ("externalQueryId", "source"),
    "extractionError": ("totalTasks", "failedTasks", "errors"),
    "jobType": ("processingType", "integration", "jobType"),
    "lifecycleStateChange": ("lifecycleStateChange", "previousIdentifier"),
    "nominalTime": ("nominalStartTime", "nominalEndTime"),
    "ownership": ("owners",),
    "processing_engine": ("version", "name", "openlineageAdapterVersion"),
    "schema": ("fields",),
    "sourceCode": ("language", "sourceCode"),
    "sourceCodeLocation": ("type", "url", "repoUrl", "path", "version", "tag", "branch"),
    "sql": ("query", "dialect"),
    "storage": ("storageLayer", "fileFormat"),
    "symlinks": ("identifiers",),
    "tags": ("tags",),
    "version": ("datasetVersion",),
}
"""The fields of published facets. Whatever else such a facet holds becomes a property all the same."""

_TIMES: Final = {"nominalTime.nominalStartTime", "nominalTime.nominalEndTime"}


@dataclass
class Folded:
    """What the facets of one thing say together."""

    description: str | None = None
    properties: list[Property] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def folded_facets(facets: Mapping[str, Json]) -> Folded:
    """What facets set and remove. `documentation` sets the description."""
    found = Folded()
    for name in sorted(facets):
        facet = facets[name]
        if not isinstance(facet, dict):
            continue
        if facet.get("_deleted") is True:
            found.removed += [f"{name}.{key}" for key in PUBLISHED[name]] if name in PUBLISHED else [name]
            continue
        content = {key: value for key, value in facet.items() if not key.startswith("_")}
        if name not in PUBLISHED:
            found.properties.append(Property(name, PropertyType.JSON, content))
            continue
        if name == "documentation" and isinstance(content.get("description"), str):
            found.description = str(content.pop("description"))
        found.properties += [
            typed(f"{name}.{key}", value) for key, value in sorted(content.items()) if value is not None
        ]
    return found


def typed(key: str, value: Json) -> Property:
    """A JSON value as a property of its own type; the two nominal times are timestamps where they can be read."""
    match value:
        case bool():
            return Property(key, PropertyType.BOOLEAN, value)
        case int():
            return Property(key, PropertyType.INTEGER, value)
        case float():
            return Property(key, PropertyType.FLOAT, value)
        case str():
            if key in _TIMES:
                try:
                    return Property(key, PropertyType.TIMESTAMP, parse_timestamp(value))
                except ValueError:
                    pass
            return Property(key, PropertyType.STRING, value)
    return Property(key, PropertyType.JSON, value)
