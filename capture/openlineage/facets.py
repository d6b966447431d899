"""OpenLineage facets as typed properties, a description and tags.

The fields of a published facet become properties under dotted keys: `sql.query`, `processing_engine.version`. Where the
elements of an array have a name of their own, so do they: `ownership.owners.ann`, `tags.team`,
`environmentVariables.JAVA_HOME`. Other arrays are JSON. Any other facet is one JSON property under the facet's name,
and so is a published one that does not fit. Keys that start with `_` name the producer of the facet and are left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from lineal.capture.openlineage.times import InvalidTime, event_time
from lineal.capture.openlineage.values import LEFT_OUT, Values, flattened
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.values import MAX_WORD_BYTES, Json, text_problem

PUBLISHED: Final = frozenset(
    (
        "catalog columnLineage dataQualityAssertions dataQualityMetrics dataSource datasetType documentation "
        "environmentVariables errorMessage executionParameters externalQuery extractionError hierarchy "
        "icebergCommitReport icebergScanReport inputStatistics jobDependencies jobType lifecycleStateChange "
        "nominalTime outputStatistics ownership parent processing_engine schema sourceCode sourceCodeLocation sql "
        "storage subset symlinks tags test version"
    ).split()
)
"""The facets of the published specification that have each field as a property."""


@dataclass(frozen=True, slots=True)
class NamedElements:
    """An array whose elements have a name, made of the values of `names`, as far as an element has them.

    An element becomes the property `prefix.name` with the value of its field `value`, and a property
    `prefix.name.field` for each of its other fields.
    """

    names: tuple[str, ...]
    value: str | None = None
    without_value: Json = True
    """The value where an element lacks the field `value`."""
    prefix: str | None = None
    """Replaces the key of the array."""
    keeps_array: bool = False
    """Whether the array is a property too: the names are keys, which a search does not look through."""


NAMED: Final[Mapping[str, NamedElements]] = {
    "ownership.owners": NamedElements(("name",), "type", keeps_array=True),
    "tags.tags": NamedElements(("field", "key"), "value", prefix="tags"),
    "environmentVariables.environmentVariables": NamedElements(("name",), "value", prefix="environmentVariables"),
    "executionParameters.parameters": NamedElements(("key",), "value", prefix="executionParameters"),
    "dataQualityAssertions.assertions": NamedElements(("column", "assertion"), prefix="dataQualityAssertions"),
    "test.tests": NamedElements(("name",), prefix="test"),
    "hierarchy.hierarchy": NamedElements(("type",), "name", prefix="hierarchy"),
}
_TIMES: Final = frozenset(
    {"nominalTime.nominalStartTime", "nominalTime.nominalEndTime", "dataQualityMetrics.lastUpdated"}
)


@dataclass
class FacetContent:
    """What the facets of one entity state together."""

    values: Values = field(default_factory=Values)
    description: str | None = None
    tags: tuple[str, ...] | None = None
    removed: list[str] = field(default_factory=list)
    stated: set[str] = field(default_factory=set)
    """The facets that the event states or deletes: properties that only an earlier statement set are removed."""

    def add(self, name: str, facet: Json, prefix: str = "", without: frozenset[str] = frozenset()) -> None:
        """Add a facet under a key that begins with `prefix`, without some of its fields."""
        key = f"{prefix}{name}"
        if facet is None or not key:
            return
        self.stated.add(key)
        if not isinstance(facet, dict):
            self.values.set(key, facet)
            return
        if facet.get("_deleted") is True:
            self.removed.append(key)
            return
        content = {field: value for field, value in facet.items() if field[:1] != "_" and field not in without}
        if name not in PUBLISHED:
            self.values.set(key, content)
            return
        if not prefix:
            self._describe(name, content)
        properties = list(_fields(name, content, prefix))
        keys = [each for each, _ in properties]
        if len(set(keys)) < len(keys) or any(text_problem(each, MAX_WORD_BYTES) for each in keys):
            # Two fields have the same key, or a field's name is no valid key.
            self.values.set(key, content)
            return
        for each, value in properties:
            self.values.set(each, *_typed(each.removeprefix(prefix), value))

    def _describe(self, name: str, content: dict[str, Json]) -> None:
        if name == "documentation" and isinstance(content.get("description"), str):
            text = str(content["description"])
            if text_problem(text) is None:
                self.description = text
                del content["description"]
        if name == "tags" and isinstance(content.get("tags"), list):
            self.tags = tags_of(content["tags"])


def belongs(key: str, facet: str) -> bool:
    """Whether a property of this key comes from a facet."""
    key = key.removeprefix(LEFT_OUT)
    return key == facet or key.startswith(f"{facet}.")


def tags_of(listed: Json, column: str | None = None) -> tuple[str, ...]:
    """The tags of an entity, or of a column: `key` and `key:value`, but for the value `true`, which bare tags have."""
    tags: set[str] = set()
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("key"), str) and (entry.get("field") or None) == column:
            key, value = str(entry["key"]), entry.get("value")
            tags.add(key)
            if isinstance(value, str) and value and value != "true":
                tags.add(f"{key}:{value}")
    return tuple(sorted(tag for tag in tags if tag and text_problem(tag, MAX_WORD_BYTES) is None))


def _fields(name: str, content: Mapping[str, Json], prefix: str) -> Iterator[tuple[str, Json]]:
    for key, value in flattened(name, content):
        named = NAMED.get(key)
        elements = None if named is None else _elements(named, key, value)
        yield from ((f"{prefix}{each}", item) for each, item in ([(key, value)] if elements is None else elements))


def _elements(named: NamedElements, key: str, value: Json) -> list[tuple[str, Json]] | None:
    """The properties of an array's elements; None where one has no name, or two have the same."""
    if not isinstance(value, list):
        return None
    properties: list[tuple[str, Json]] = [(key, value)] if named.keeps_array else []
    names: set[str] = set()
    for element in value:
        if not isinstance(element, dict):
            return None
        parts = [element.get(field) for field in named.names]
        last = parts[-1]
        if not isinstance(last, str) or not last or not all(each is None or isinstance(each, str) for each in parts):
            return None
        name = ".".join(str(each) for each in parts if each)
        if name in names:
            return None
        names.add(name)
        path = f"{named.prefix or key}.{name}"
        if named.value is not None:
            value_of = element.get(named.value)
            properties.append((path, named.without_value if value_of is None else value_of))
        used = {*named.names, named.value}
        properties += flattened(path, {field: item for field, item in element.items() if field not in used})
    return properties


def _typed(key: str, value: Json) -> tuple[Json, PropertyType | None]:
    if key in _TIMES and isinstance(value, str):
        try:
            return event_time(value).at, PropertyType.TIMESTAMP
        except InvalidTime:
            pass
    return value, None
