"""OpenLineage events into lineage.

A dataset is a DATASET, a job a PIPELINE, a run a PROCESSING_JOB named by its runId, a column a FEATURE. Inputs
contributed to the run, which produced the outputs; the job, and a parent run, are associated with the run. What only
ever holds is recorded bare; facets, status and times are revisions at the event's time, so that events late, repeated
or out of order end in the same lineage.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

from lineal.capture.openlineage.columns import map_column, map_column_lineage, map_schema
from lineal.capture.openlineage.events import KNOWN_TYPES, Event, Named, Run, named, read_event, run_of
from lineal.capture.openlineage.facets import FacetContent, tags_of
from lineal.capture.openlineage.lineage_facets import map_dependencies, map_entries, map_inputs
from lineal.capture.openlineage.mapped import DATASET_LEVEL, VERSION_LEVEL, Mapped
from lineal.capture.openlineage.names import fitting, joined
from lineal.capture.openlineage.values import Values, flattened, shortened_key
from lineal.graphstore.batches import NewObservation, NewRevision
from lineal.graphstore.kinds import AssociationType, EntityKind, EntityStatus, PropertyType
from lineal.graphstore.values import MAX_METRIC_BYTES, Json, Property, text_problem

_STATUS: Final = {
    "START": EntityStatus.IN_PROGRESS,
    "RUNNING": EntityStatus.IN_PROGRESS,
    "COMPLETE": EntityStatus.COMPLETED,
    "FAIL": EntityStatus.FAILED,
    "ABORT": EntityStatus.STOPPED,
}
_RANK: Final = {"RUNNING": 1, "COMPLETE": 2, "FAIL": 2, "ABORT": 2}
_MAX_LABEL_BYTES: Final = 300


def mapped_event(event: object, account: str) -> Mapped:
    """The records of an event in an account's lineage. Raises InvalidEvent."""
    return mapped(read_event(event), account)


def mapped(event: Event, account: str) -> Mapped:
    """The records of a parsed event in an account's lineage."""
    result = Mapped(account, event.at)
    values = _about(event)
    if event.dataset is not None:
        result.subject = _map_dataset(result, event.dataset)[0]
    if event.job is not None:
        result.subject = work = job = _map_job(result, event.job)
        if event.run is not None:
            result.subject = work = _map_run(result, event, job, values)
        _map_sides(result, event, work)
        _map_code(result, event.job, work)
        map_work = partial(_map_work, result)
        for facets in (event.job.facets, {} if event.run is None else event.run.facets):
            map_entries(result, facets.get("lineage"), work, map_work)
        if event.run is not None:
            map_dependencies(result, event.run.facets.get("jobDependencies"), work, map_work)
    result.revise(result.subject, values)
    return result


def _pair(thing: Named) -> tuple[str, str]:
    return thing.namespace, thing.name


def _about(event: Event) -> Values:
    """The properties of the event itself."""
    values = Values()
    if event.producer is not None:
        values.set("producer", event.producer)
    if event.is_assumed_utc:
        values.set("eventTimeAssumedUtc", True)
    if event.type is not None and event.type not in KNOWN_TYPES:
        values.set("eventType", event.type)
    for path, value in event.skipped.items():
        values.set(f"notUnderstood.{path}", value)
    for key, value in event.unknown.items():
        values.set(f"event.{key}", value)
    return values


def _map_run(result: Mapped, event: Event, job: str, values: Values) -> str:
    assert event.run is not None
    urn = result.entity(EntityKind.PROCESSING_JOB, event.run.id)
    result.associate(job, urn, AssociationType.ASSOCIATED_WITH)
    _map_parents(result, event.run, urn)
    if event.run.sent_id != event.run.id:
        values.set("runId", event.run.sent_id)
    _map_status(result, event, urn)
    assert event.job is not None
    _entitle(result, urn, event.job)
    facets = dict(event.run.facets)
    parent = facets.get("parent")
    if isinstance(parent, dict):
        facets["parent"] = _without_facets(parent)
    _revise(result, urn, facets)
    return urn


def _entitle(result: Mapped, run: str, job: Named) -> None:
    """Let people read the job's name where a run's is an id."""
    if text_problem(job.name) is None:
        result.revise(run, Values(), title=job.name)


def _map_status(result: Mapped, event: Event, urn: str) -> None:
    status, rank = _STATUS.get(event.type or ""), _RANK.get(event.type or "", 0)
    if status is None:
        return
    key = {0: "startedAt", 2: "endedAt"}.get(rank)
    times = () if key is None else (Property(key, PropertyType.TIMESTAMP, event.at),)
    result.status = NewRevision(urn, status=status, properties=times, occurred_at=event.at, rank=rank)


def _without_facets(value: Json) -> Json:
    """A reference to a run and a job without the facets of these, which are theirs."""
    if not isinstance(value, dict):
        return value
    return {key: _without_facets(item) for key, item in value.items() if key != "facets"}


def _map_parents(result: Mapped, run: Run, urn: str) -> None:
    facet = run.facets.get("parent")
    if not isinstance(facet, dict):
        return
    parent = _map_other_run(result, facet)
    if parent is not None:
        result.associate(parent, urn, AssociationType.ASSOCIATED_WITH)
    root = _map_other_run(result, facet.get("root"))
    if root is not None and root not in (parent, urn):
        result.associate(root, urn, AssociationType.ASSOCIATED_WITH, "root")


def _map_other_run(result: Mapped, value: Json) -> str | None:
    """Note a parent or root run and its job; returns the run's urn, or None where it has no id."""
    run = run_of(value.get("run")) if isinstance(value, dict) else None
    if run is None:
        return None
    assert isinstance(value, dict)
    urn = result.entity(EntityKind.PROCESSING_JOB, run.id)
    if run.facets:
        _revise(result, urn, run.facets)
    job = named(value.get("job"))
    if job is not None:
        _entitle(result, urn, job)
        result.associate(_map_job(result, job), urn, AssociationType.ASSOCIATED_WITH)
    return urn


def _map_work(result: Mapped, value: Mapping[str, Json]) -> str | None:
    """Note a run and its job, or a job alone; returns the urn of the run, else of the job, None without either."""
    run = _map_other_run(result, dict(value))
    if run is not None:
        return run
    job = named(value.get("job"))
    return None if job is None else _map_job(result, job)


def _map_job(result: Mapped, job: Named) -> str:
    urn = result.job(*_pair(job))
    if job.facets:
        _revise(result, urn, job.facets)
    return urn


def _map_code(result: Mapped, job: Named, work: str) -> None:
    facet = job.facets.get("sourceCodeLocation")
    if not isinstance(facet, dict):
        return
    repository = next(
        (text for text in (facet.get("repoUrl"), facet.get("url")) if isinstance(text, str) and text), None
    )
    if repository is None:
        return
    commit = facet.get("version")
    version = fitting(commit) if isinstance(commit, str) and commit else None
    code = result.entity(EntityKind.CODE, fitting(repository), version)
    result.identify(code, {"repository": repository})
    result.associate(code, work, AssociationType.CONTRIBUTED_TO)


def _map_sides(result: Mapped, event: Event, work: str) -> None:
    """Note the inputs and outputs of a run or job, and the facets of their use as properties of the run."""
    uses = FacetContent()
    for side, datasets in (("inputs", event.inputs), ("outputs", event.outputs)):
        for dataset in datasets:
            levels = zip((DATASET_LEVEL, VERSION_LEVEL), _map_dataset(result, dataset), strict=False)
            for level, urn in levels:
                if side == "inputs":
                    result.associate(urn, work, AssociationType.CONTRIBUTED_TO, None, level)
                else:
                    result.associate(work, urn, AssociationType.PRODUCED, None, level)
            if dataset.uses:
                label = joined(dataset.namespace, dataset.name)
                label = (
                    label if len(label.encode("utf-8", "surrogatepass")) <= _MAX_LABEL_BYTES else shortened_key(label)
                )
                for name, facet in sorted(dataset.uses.items()):
                    uses.add(name, facet, f"{side}.{label}.")
    if uses.stated:
        result.revise(work, uses.values, removed=uses.removed, stated=uses.stated)


def _map_dataset(result: Mapped, dataset: Named) -> list[str]:
    """Note a dataset; returns its urn, and that of its version where the event names one."""
    urns = [result.dataset(*_pair(dataset))]
    facets = {**dataset.uses, **dataset.facets}
    if not facets:
        return urns
    version = facets.get("version")
    text = version.get("datasetVersion") if isinstance(version, dict) else None
    if isinstance(text, str) and text:
        urns.append(result.dataset(*_pair(dataset), fitting(text)))
    is_mapped = map_column_lineage(result, dataset, urns[0], facets.get("columnLineage"))
    for urn in urns:
        _revise(result, urn, facets, without={"columnLineage": _COLUMN_LINEAGE} if is_mapped else {})
    for urn in urns:
        _observe(result, urn, facets)
    map_schema(result, dataset, urns[0], facets.get("schema"))
    _map_column_tags(result, dataset, urns[0], facets.get("tags"))
    _map_identifiers(result, dataset, urns[0])
    entry = facets.get("lineage")
    if isinstance(entry, dict):
        named_entry: Json = {**entry, "namespace": dataset.namespace, "name": dataset.name}
        map_inputs(result, named_entry, (urns[0], False), None, partial(_map_work, result))
    return urns


def _observe(result: Mapped, urn: str, facets: Mapping[str, Json]) -> None:
    """Note the numbers of statistics as observations of metrics, so that their series is known."""
    for name in _STATISTICS & facets.keys():
        facet = facets[name]
        for metric, value in flattened(name, facet) if isinstance(facet, dict) else ():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if is_number and text_problem(metric, MAX_METRIC_BYTES) is None:
                assert isinstance(value, int | float)
                if isinstance(value, float) or abs(value) < _MAX_METRIC:
                    result.observations.append(NewObservation(urn, metric, float(value), occurred_at=result.at))


_STATISTICS: Final = frozenset({"dataQualityMetrics", "inputStatistics", "outputStatistics"})
_MAX_METRIC: Final = 2**1000
"""Greater integers are no float."""
_COLUMN_LINEAGE: Final = frozenset({"fields", "dataset"})


def _map_column_tags(result: Mapped, dataset: Named, urn: str, facet: Json) -> None:
    listed = facet.get("tags") if isinstance(facet, dict) else None
    columns = {tag.get("field") for tag in listed if isinstance(tag, dict)} if isinstance(listed, list) else set()
    for column in sorted(column for column in columns if isinstance(column, str) and column):
        result.revise(map_column(result, dataset, urn, column), Values(), tags=tags_of(listed, column))


def _map_identifiers(result: Mapped, dataset: Named, urn: str) -> None:
    symlinks, change = dataset.facets.get("symlinks"), dataset.facets.get("lifecycleStateChange")
    listed = symlinks.get("identifiers") if isinstance(symlinks, dict) else None
    for identifier in listed if isinstance(listed, list) else ():
        other = named(identifier)
        if other is not None:
            result.associate(urn, result.dataset(*_pair(other)), AssociationType.SAME_AS)
    previous = named(change.get("previousIdentifier")) if isinstance(change, dict) else None
    if previous is not None:
        result.associate(result.dataset(*_pair(previous)), urn, AssociationType.DERIVED_FROM)


def _revise(
    result: Mapped,
    urn: str,
    facets: Mapping[str, Json],
    without: Mapping[str, frozenset[str]] = {},
) -> None:
    content = FacetContent()
    for name in sorted(facets):
        content.add(name, facets[name], without=without.get(name, frozenset()))
    result.revise(
        urn,
        content.values,
        description=content.description,
        tags=content.tags,
        removed=content.removed,
        stated=content.stated,
    )
