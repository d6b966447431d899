"""Maps the jobDependencies and lineage facets to associations of runs, jobs, datasets and columns."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from lineal.capture.openlineage.columns import associate_derived, map_column, transformations_of
from lineal.capture.openlineage.events import named
from lineal.capture.openlineage.mapped import DATASET_LEVEL, Mapped
from lineal.graphstore.kinds import AssociationType
from lineal.graphstore.values import Json

DEPENDENCY: Final = "dependency"
"""Role of the association of a run with one that has to wait for it."""

MapWork: TypeAlias = Callable[[Mapping[str, Json]], str | None]
"""Notes the run of an object with `run` and `job`, or only its job, and returns the urn; None if it names neither."""


def map_dependencies(mapped: Mapped, facet: Json, run: str, map_work: MapWork) -> None:
    """Note the runs that a run waits for, and those that wait for it."""
    for side in ("upstream", "downstream"):
        for dependency in _objects(facet.get(side) if isinstance(facet, dict) else None):
            other = map_work(dependency)
            if other is not None:
                ends = (other, run) if side == "upstream" else (run, other)
                mapped.associate(*ends, AssociationType.CONTRIBUTED_TO, DEPENDENCY)


def map_entries(mapped: Mapped, facet: Json, work: str, map_work: MapWork) -> None:
    """Note what the entries of the lineage facet of a run or job, `work`, state about each dataset or job."""
    for entry in _objects(facet.get("entries") if isinstance(facet, dict) else None):
        target = _node(mapped, entry, work, map_work)
        if target is None:
            continue
        map_inputs(mapped, entry, target, work, map_work)
        if not target[1] and entry.get("inputs") == []:
            _associate(mapped, (work, True), target, {})


def map_inputs(mapped: Mapped, entry: Json, target: "_Node", work: str | None, map_work: MapWork) -> None:
    """Note the inputs of a dataset or job, and those of a dataset's columns. `work` is an input that names no job."""
    if not isinstance(entry, dict):
        return
    for input in _objects(entry.get("inputs")):
        _map_input(mapped, input, target, work, map_work)
    dataset, fields = named(entry), entry.get("fields")
    for column, content in fields.items() if isinstance(fields, dict) and dataset is not None else ():
        if isinstance(content, dict) and column and dataset is not None and not target[1]:
            derived = map_column(mapped, dataset, target[0], column)
            for input in _objects(content.get("inputs")):
                _map_input(mapped, input, (derived, False), work, map_work)


_Node: TypeAlias = tuple[str, bool]
"""The urn of a dataset, column, run or job, and whether it is a run or job."""


def _node(mapped: Mapped, value: Mapping[str, Json], work: str | None, map_work: MapWork) -> _Node | None:
    """Note a dataset, its column, or a run or job; None if it names none. A job without a name is `work`."""
    if value.get("type") == "JOB":
        if value.get("name") is None:
            return None if work is None else (work, True)
        job: dict[str, Json] = {"namespace": value.get("namespace"), "name": value.get("name")}
        urn = map_work({"run": {"runId": value.get("runId")}, "job": job})
        return None if urn is None else (urn, True)
    dataset, column = named(dict(value)), value.get("field")
    if dataset is None:
        return None
    urn = mapped.dataset(dataset.namespace, dataset.name)
    return (map_column(mapped, dataset, urn, column) if isinstance(column, str) and column else urn), False


def _map_input(mapped: Mapped, input: Mapping[str, Json], target: _Node, work: str | None, map_work: MapWork) -> None:
    source = _node(mapped, input, work, map_work)
    if source is not None:
        for transformation in transformations_of(input.get("transformations")) or [{}]:
            _associate(mapped, source, target, transformation)


def _associate(mapped: Mapped, source: _Node, target: _Node, transformation: Mapping[str, Json]) -> None:
    (origin, is_from_work), (derived, is_to_work) = source, target
    if is_to_work:
        type = AssociationType.CONTRIBUTED_TO
    else:
        type = AssociationType.PRODUCED if is_from_work else AssociationType.DERIVED_FROM
    if transformation or is_from_work == is_to_work:
        associate_derived(mapped, origin, derived, type, transformation)
    elif (origin, derived, type, None) not in mapped.associations:
        # As `inputs` and `outputs` of the event state it, whose association may be recorded already.
        mapped.associate(origin, derived, type, None, DATASET_LEVEL)


def _objects(listed: Json) -> Iterable[dict[str, Json]]:
    return (each for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()
