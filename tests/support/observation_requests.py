"""Requests that record observations and read metrics through GraphQL."""

from typing import Any

from graphql_requests import data

from lineal.auth.principals import Principal
from lineal.graphstore.store import Store

OBSERVE = """mutation ($i: ObservationsRecordInput!) { observationsRecord(input: $i) {
  newCount entities { urn metrics { name last count } } userErrors { code message path } } }"""


def series(entity: str, metric: str, *values: float | str, **more: Any) -> dict[str, Any]:
    """A series of values at the steps from 0 on, all at one time unless `more` sets `occurredAt`."""
    times = {"occurredAt": "2026-03-01T12:00:00Z", **more}
    observations = [{"step": step, "value": value, **times} for step, value in enumerate(values)]
    return {"entity": {"urn": entity}, "metric": metric, "observations": observations}


async def observed(store: Store, by: Principal, *observed_series: dict[str, Any], **more: Any) -> Any:
    """The payload of an observationsRecord of some series."""
    return (await data(store, OBSERVE, {"i": {"series": list(observed_series), **more}}, by))["observationsRecord"]


OBSERVATION = "step value occurredAt recordedBy"
METRICS = f"""metrics {{ name last min max count nanCount from {{ urn }}
  series(first: 2) {{ totalCount pageInfo {{ hasNextPage }} nodes {{ {OBSERVATION} }} }}
  buckets(most: 2) {{ count nanCount first {{ step }} last {{ step }}
    min {{ {OBSERVATION} }} max {{ {OBSERVATION} }} }} }}"""
"""Every field of metrics, except times of recording and cursors."""
COMPARISON = """entities { urn }
  parameters { key isVarying cells { of { urn } values { type value from { urn } } } }
  varying: parameters(varying: true) { key }
  metrics { name best(goal: MINIMUM) { of { urn } } cells { of { urn } metrics { last count from { urn } } } }"""
"""The fields of a comparison."""
