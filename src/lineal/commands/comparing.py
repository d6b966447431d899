"""`lineal compare`."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Final

import click
import orjson

from lineal.commands.graphql_client import GraphQLClient, suggestion_of
from lineal.commands.showing import (
    Row,
    is_terminal,
    plain,
    show_json,
    show_lines,
    show_table,
    show_wide_table,
)
from lineal.commands.times import as_of_argument, as_of_text
from lineal.graphstore.errors import StoreError
from lineal.graphstore.metric_values import read_value
from lineal.graphstore.values import METRICS

MAX_ENTITIES: Final = 100
"""Maximum number of entities in one comparison, apart from the trials of an experiment."""
MAX_TRIALS: Final = 300
"""Maximum number of trials of an experiment in one comparison: more would exceed the limit on an answer's values."""
_RECORDED: Final = """
query ($urns: [String!], $asOf: AsOf) {
  entities(where: {urn: {in: $urns}}, asOf: $asOf, first: 100) { nodes { urn } }
}"""
_COMPARISON: Final = """
query (
  $of: [EntityRef!], $experiment: EntityRef, $first: Int, $asOf: AsOf, $goal: MetricGoal!, $by: MetricValue!,
  $key: String = "", $from: EntityRef = {urn: ""}, $differing: Boolean!
) {
  comparison(of: $of, experiment: $experiment, first: $first, asOf: $asOf) {
    totalCount
    entities { urn name version }
    differingOnlyIn(key: $key, from: $from) @include(if: $differing) { of { urn } }
    parameters { key isVarying cells { values { value type from { urn } } } }
    metrics {
      name
      best(goal: $goal, by: $by) { of { urn } }
      cells { metrics { last min max count nanCount from { urn } } }
    }
  }
}"""


@dataclass(frozen=True, slots=True)
class Best:
    """The metric to sort by: `goal` is `min` or `max`, `by` is `last`, `min` or `max`."""

    metric: str
    goal: str
    by: str

    def rank(self, metrics: Sequence[dict[str, Any]]) -> tuple[bool, float]:
        """The sort key of a cell: better values first, and a cell without values but NaN last."""
        sign = 1 if self.goal == "min" else -1
        values = [read_value(metric[self.by]) for metric in metrics if metric[self.by] is not None]
        numbers = [sign * value for value in values if not isnan(value)]
        return (False, min(numbers)) if numbers else (True, 0.0)


@dataclass(frozen=True, slots=True)
class OnlyIn:
    """The key of a parameter, and the URN of the entity that the others must differ from in nothing else."""

    key: str
    from_urn: str


async def show_comparison(
    client: GraphQLClient,
    urns: tuple[str, ...],
    experiment: str | None,
    metric: str | None,
    goal: str | None,
    by: str,
    only_in: str | None,
    from_urn: str | None,
    show_all: bool,
    as_of: str | None,
    occurred_by: str | None,
    as_json: bool,
) -> int:
    """Print entities with the parameters that vary and their metrics, sorted by `metric` if there is one.

    The entities are those of `urns`, or the trials of `experiment`, as of `as_of` and `occurred_by`; with `only_in`, of
    these the one of `from_urn` and those that differ from it in this parameter only. Raises UsageError for options that
    exclude each other, StoreError for entities that are not recorded.
    """
    if bool(urns) == bool(experiment):
        raise click.UsageError("give the URNs of 2 to 100 entities, or an --experiment")
    if (only_in is None) != (from_urn is None):
        raise click.UsageError("--only-in and --from go together: give both, or neither")
    if (metric is None) != (goal is None):
        raise click.UsageError("--metric and --goal go together: give both, or neither")
    at = as_of_argument(as_of, occurred_by)
    compared = list(dict.fromkeys(urns))
    if experiment is None and not 2 <= len(compared) <= MAX_ENTITIES:
        raise click.UsageError(f"{len(compared)} to compare: give the URNs of 2 to {MAX_ENTITIES} entities")
    best = None if metric is None or goal is None else Best(metric, goal, by)
    only = None if only_in is None or from_urn is None else OnlyIn(only_in, from_urn)
    comparison = await _compared(client, compared, experiment, best, only, at)
    if as_json:
        show_json({**comparison, "asOf": at} if at else comparison)
        return 0
    order = _order(comparison, best)
    if only is not None:
        shown = {only.from_urn, *(cell["of"]["urn"] for cell in comparison["differingOnlyIn"])}
        order = [position for position in order if comparison["entities"][position]["urn"] in shown]
    if is_terminal():
        _print_tables(comparison, best, order, show_all)
    else:
        columns = [*_varying(comparison, best), *(_constant(comparison) if show_all else ())]
        urns_of = [entity["urn"] for entity in comparison["entities"]]
        show_lines([("urn", *(title for title, _ in columns)), *_rows(urns_of, order, columns)])
    _print_summary(comparison, at, show_all)
    return 0


def _print_tables(comparison: dict[str, Any], best: Best | None, order: list[int], show_all: bool) -> None:
    marked = [
        f"* {label}" if entity["urn"] == comparison["best"] else label
        for label, entity in zip(_labels(comparison["entities"]), comparison["entities"], strict=True)
    ]
    columns = _varying(comparison, best)
    show_wide_table(("of", *(title for title, _ in columns)), _rows(marked, order, columns))
    if show_all:
        show_table(("held constant", "value"), [(title, cell(order[0])) for title, cell in _constant(comparison)])


async def _compared(
    client: GraphQLClient,
    urns: list[str],
    experiment: str | None,
    best: Best | None,
    only_in: OnlyIn | None,
    at: dict[str, str],
) -> dict[str, Any]:
    variables = {
        "of": None if experiment else [{"urn": urn} for urn in urns],
        "experiment": {"urn": experiment} if experiment else None,
        "first": MAX_TRIALS,
        "asOf": at or None,
        "goal": "MINIMUM" if best is None or best.goal == "min" else "MAXIMUM",
        "by": "LAST" if best is None else best.by.upper(),
        "differing": only_in is not None,
        **({"key": only_in.key, "from": {"urn": only_in.from_urn}} if only_in else {}),
    }
    comparison: dict[str, Any] | None = (await client.execute(_COMPARISON, variables))["comparison"]
    when = f", {as_of_text(at)}" if at else ""
    if comparison is None and experiment:
        raise StoreError(f"there is no experiment {experiment} here{when}: check the URN{suggestion_of(client)}")
    if comparison is None:
        suggestion = suggestion_of(client)
        recorded = await client.execute(_RECORDED, {"urns": urns, "asOf": at or None})
        missing = sorted(set(urns) - {entity["urn"] for entity in recorded["entities"]["nodes"]})
        raise StoreError(f"not recorded here{when}: {', '.join(missing)}. Check the URNs{suggestion}")
    if len(comparison["entities"]) < 2:
        raise StoreError(f"{experiment} has {comparison['totalCount']} trials{when}; it takes 2 to compare")
    by_name = {metric["name"]: metric for metric in comparison["metrics"]}
    if best is not None and best.metric not in by_name:
        names = plain(", ".join(by_name)) or "none"
        raise StoreError(f"none of these entities has the metric {best.metric}; their metrics are: {names}")
    best_cell = None if best is None else by_name[best.metric]["best"]
    best_urn = best_cell and best_cell["of"]["urn"]
    metrics = [{name: metric[name] for name in ("name", "cells")} for metric in comparison["metrics"]]
    return {**comparison, "metrics": metrics, "best": best_urn}


def _order(comparison: dict[str, Any], best: Best | None) -> list[int]:
    """The positions of the entities, best first; without a metric in the order of the arguments."""
    positions = range(len(comparison["entities"]))
    if best is None:
        return list(positions)
    (cells,) = [metric["cells"] for metric in comparison["metrics"] if metric["name"] == best.metric]
    return sorted(
        positions, key=lambda position: (best.rank(cells[position]["metrics"]), comparison["entities"][position]["urn"])
    )


Column = tuple[str, Callable[[int], str]]
"""A title, and a function from the position of an entity to the text of its cell."""


def _varying(comparison: dict[str, Any], best: Best | None) -> list[Column]:
    """The metrics, with the sort metric first, and then the parameters that vary."""
    by, first = ("last", None) if best is None else (best.by, best.metric)
    suffix = "" if by == "last" else f" ({by})"
    metrics = sorted(comparison["metrics"], key=lambda metric: (metric["name"] != first, metric["name"]))
    return [
        *((METRICS + metric["name"] + suffix, _cell(metric["cells"], "metrics", by)) for metric in metrics),
        *(_parameter_column(parameter) for parameter in comparison["parameters"] if parameter["isVarying"]),
    ]


def _constant(comparison: dict[str, Any]) -> list[Column]:
    return [_parameter_column(parameter) for parameter in comparison["parameters"] if not parameter["isVarying"]]


def _parameter_column(parameter: dict[str, Any]) -> Column:
    return parameter["key"], _cell(parameter["cells"], "values", "value")


def _rows(names: list[str], order: list[int], columns: list[Column]) -> list[Row]:
    return [(names[position], *(cell(position) for _, cell in columns)) for position in order]


def _cell(cells: list[dict[str, Any]], part: str, value: str) -> Callable[[int], str]:
    """The text of the cell at a position: several values if parts of the entity record different ones."""
    return lambda position: " | ".join(_text(entry[value]) for entry in cells[position][part])


def _text(value: Any) -> str:
    """A value as JSON; a string without quotes, unless it would parse as JSON."""
    if not isinstance(value, str):
        return orjson.dumps(value).decode()
    try:
        orjson.loads(value)
    except ValueError:
        return value
    return orjson.dumps(value).decode()


def _labels(entities: list[dict[str, Any]]) -> list[str]:
    """The labels of entities in a table: name and version, or the URN if these are ambiguous."""
    names = [entity["name"] + (f"@{entity['version']}" if entity["version"] else "") for entity in entities]
    counts = Counter(names)
    return [name if counts[name] == 1 else entity["urn"] for name, entity in zip(names, entities, strict=True)]


def _print_summary(comparison: dict[str, Any], at: dict[str, str], show_all: bool) -> None:
    varying = sum(parameter["isVarying"] for parameter in comparison["parameters"])
    constant = len(comparison["parameters"]) - varying
    hint = "" if show_all or not constant else ", which --all shows"
    when = f", {as_of_text(at)}" if at else ""
    count, total = len(comparison["entities"]), comparison["totalCount"]
    compared = f"{count} compared" if count == total else f"the first {count} of {total} trials compared, by URN"
    summary = f"{compared}; parameters that vary: {varying}, held constant: {constant}"
    click.echo(summary + hint + when)
