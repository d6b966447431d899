"""`lineal compare`."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click
import orjson

from lineal.commands.asking import Asker, items_of, read_pages
from lineal.commands.showing import (
    Row,
    is_terminal,
    plain,
    show_json,
    show_lines,
    show_table,
    show_wide_table,
)
from lineal.commands.times import moment_asked, shown_moment
from lineal.graphstore.errors import StoreError
from lineal.graphstore.urns import entity_id
from lineal.graphstore.values import METRICS

MOST: Final = 100
"""The most entities of one comparison."""
_TRIALS: Final = """
query ($urn: String!, $asOf: AsOf, $first: Int!, $after: String) { entity(urn: $urn, asOf: $asOf) { ... on Experiment {
  page: trials(first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } items: nodes { urn }
} } } }"""
_THERE: Final = """
query ($urns: [String!], $asOf: AsOf) {
  entities(where: {urn: {in: $urns}}, asOf: $asOf, first: 100) { nodes { urn } }
}"""
_QUESTION: Final = """
query ($of: [ID!]!, $asOf: AsOf, $goal: MetricGoal!, $by: MetricValue!) {
  comparison(of: $of, asOf: $asOf) {
    entities { urn name version }
    parameters { key isVarying cells { values { value type from { urn } } } }
    metrics {
      name
      best(goal: $goal, by: $by) { of { urn } }
      cells { metrics { last min max count from { urn } } }
    }
  }
}"""


@dataclass(frozen=True, slots=True)
class Best:
    """By which metric the compared are put in order: `goal` is `min` or `max`, `by` is `last`, `min` or `max`."""

    metric: str
    goal: str
    by: str

    def rank(self, metrics: Sequence[dict[str, Any]]) -> tuple[bool, float]:
        """Where a cell comes: the better first, and last what has no value."""
        sign = 1 if self.goal == "min" else -1
        values = [sign * each[self.by] for each in metrics]
        return (False, min(values)) if values else (True, 0.0)


async def show_comparison(
    made: Asker,
    urns: tuple[str, ...],
    experiment: str | None,
    metric: str | None,
    goal: str | None,
    by: str,
    show_all: bool,
    as_of: str | None,
    occurred_by: str | None,
    as_json: bool,
) -> int:
    """Print entities side by side: what varies, and their metrics; the best first where a metric says which it is.

    Those of `urns`, or the trials of an experiment; as of the moment of `as_of` and `occurred_by`. Raises UsageError
    for options that do not go together, StoreError for what is not there.
    """
    if bool(urns) == bool(experiment):
        raise click.UsageError("give the URNs of 2 to 100 entities, or an --experiment")
    if (metric is None) != (goal is None):
        raise click.UsageError("--metric and --goal go together: give both, or neither")
    at = moment_asked(as_of, occurred_by)
    named = list(dict.fromkeys(urns)) if experiment is None else await _trials(made, experiment, at)
    if not 2 <= len(named) <= MOST:
        raise click.UsageError(f"{len(named)} to compare: give the URNs of 2 to {MOST} entities")
    best = None if metric is None or goal is None else Best(metric, goal, by)
    found = await _compared(made, named, best, at)
    if as_json:
        show_json({**found, "asOf": at} if at else found)
        return 0
    order = _order(found, best)
    if is_terminal():
        _show(found, best, order, show_all)
    else:
        columns = [*_varying(found, best), *(_constant(found) if show_all else ())]
        urns_of = [each["urn"] for each in found["entities"]]
        show_lines([("urn", *(title for title, _ in columns)), *_rows(urns_of, order, columns)])
    _say(found, at, show_all)
    return 0


def _show(found: dict[str, Any], best: Best | None, order: list[int], show_all: bool) -> None:
    marked = [
        f"* {label}" if each["urn"] == found["best"] else label
        for label, each in zip(_labels(found["entities"]), found["entities"], strict=True)
    ]
    columns = _varying(found, best)
    show_wide_table(("of", *(title for title, _ in columns)), _rows(marked, order, columns))
    if show_all:
        show_table(("held constant", "value"), [(title, cell(order[0])) for title, cell in _constant(found)])


async def _trials(made: Asker, experiment: str, at: dict[str, str]) -> list[str]:
    def page_of(data: dict[str, Any]) -> dict[str, Any]:
        if not data["entity"]:
            when = f", {shown_moment(at)}" if at else ""
            raise StoreError(f"there is no experiment {experiment} here{when}: check the URN")
        page: dict[str, Any] = data["entity"]["page"]
        return page

    pages = await read_pages(made, _TRIALS, {"urn": experiment, "asOf": at or None}, page_of, MOST, MOST)
    total = pages[-1]["totalCount"]
    if not 2 <= total <= MOST:
        raise StoreError(f"{experiment} has {total} trials; 2 to {MOST} can be compared: give the URNs of some of them")
    return [str(each["urn"]) for each in items_of(pages)]


async def _compared(made: Asker, urns: list[str], best: Best | None, at: dict[str, str]) -> dict[str, Any]:
    asked = {
        "of": [entity_id(urn) for urn in urns],
        "asOf": at or None,
        "goal": "MINIMUM" if best is None or best.goal == "min" else "MAXIMUM",
        "by": "LAST" if best is None else best.by.upper(),
    }
    found: dict[str, Any] | None = (await made.ask(_QUESTION, asked))["comparison"]
    if found is None:
        there = await made.ask(_THERE, {"urns": urns, "asOf": at or None})
        absent = sorted(set(urns) - {each["urn"] for each in there["entities"]["nodes"]})
        when = f", {shown_moment(at)}" if at else ""
        raise StoreError(f"not recorded here{when}: {', '.join(absent)}. Check the URNs")
    by_name = {each["name"]: each for each in found["metrics"]}
    if best is not None and best.metric not in by_name:
        told = plain(", ".join(by_name)) or "none"
        raise StoreError(f"nothing tells the metric {best.metric} of any of them; metrics that are told: {told}")
    winner = by_name[best.metric]["best"]["of"]["urn"] if best is not None else None
    metrics = [{name: each[name] for name in ("name", "cells")} for each in found["metrics"]]
    return {**found, "metrics": metrics, "best": winner}


def _order(found: dict[str, Any], best: Best | None) -> list[int]:
    """The places of the compared, the best first; without a metric as they were given."""
    places = range(len(found["entities"]))
    if best is None:
        return list(places)
    (cells,) = [each["cells"] for each in found["metrics"] if each["name"] == best.metric]
    return sorted(places, key=lambda place: (best.rank(cells[place]["metrics"]), found["entities"][place]["urn"]))


Column = tuple[str, Callable[[int], str]]
"""A title, and what stands in it of the compared of a place."""


def _varying(found: dict[str, Any], best: Best | None) -> list[Column]:
    """The metrics, that by which the compared are ordered first, and the parameters that vary."""
    by, first = ("last", None) if best is None else (best.by, best.metric)
    which = "" if by == "last" else f" ({by})"
    metrics = sorted(found["metrics"], key=lambda each: (each["name"] != first, each["name"]))
    return [
        *((METRICS + each["name"] + which, _cell(each["cells"], "metrics", by)) for each in metrics),
        *((each["key"], _cell(each["cells"], "values", "value")) for each in found["parameters"] if each["isVarying"]),
    ]


def _constant(found: dict[str, Any]) -> list[Column]:
    parameters = [each for each in found["parameters"] if not each["isVarying"]]
    return [(each["key"], _cell(each["cells"], "values", "value")) for each in parameters]


def _rows(names: list[str], order: list[int], columns: list[Column]) -> list[Row]:
    return [(names[place], *(cell(place) for _, cell in columns)) for place in order]


def _cell(cells: list[dict[str, Any]], part: str, value: str) -> Callable[[int], str]:
    """What stands in the cell of a place: several values where parts tell differently."""
    return lambda place: " | ".join(_text(each[value]) for each in cells[place][part])


def _text(value: Any) -> str:
    """A value as JSON; a text as it is, unless it would read as another value."""
    if not isinstance(value, str):
        return orjson.dumps(value).decode()
    try:
        orjson.loads(value)
    except ValueError:
        return value
    return orjson.dumps(value).decode()


def _labels(entities: list[dict[str, Any]]) -> list[str]:
    """What each is called in a table: its name and version, or its URN where others are called so, too."""
    names = [each["name"] + (f"@{each['version']}" if each["version"] else "") for each in entities]
    counts = Counter(names)
    return [name if counts[name] == 1 else each["urn"] for name, each in zip(names, entities, strict=True)]


def _say(found: dict[str, Any], at: dict[str, str], show_all: bool) -> None:
    varying = sum(each["isVarying"] for each in found["parameters"])
    constant = len(found["parameters"]) - varying
    more = "" if show_all or not constant else ", which --all shows"
    when = f", {shown_moment(at)}" if at else ""
    said = f"{len(found['entities'])} compared; parameters that vary: {varying}, held constant: {constant}"
    click.echo(said + more + when)
