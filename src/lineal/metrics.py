"""What the server counts of itself, for Prometheus."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from lineal.graphstore.store import Store

VERBS = (
    "record", "watermark", "newest", "entities", "find", "associations", "history", "metrics", "series", "buckets",
    "property_keys", "reach", "reach_associations", "access_since", "change_access", "entity_groups", "audit",
    "audit_log", "key_used", "keys_used", "ready", "secret",
)  # fmt: skip


class Metrics:
    """One registry a server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "lineal_graphql_requests", "GraphQL requests.", ["operation", "outcome"], registry=self.registry
        )
        self.seconds = Histogram(
            "lineal_http_request_seconds", "Time to answer, by route.", ["route"], registry=self.registry
        )
        self.under_way = Gauge("lineal_http_requests_under_way", "Requests being answered.", registry=self.registry)
        self.cost = Histogram(
            "lineal_graphql_cost_values",
            "Estimated values of answers.",
            buckets=(10, 100, 1_000, 10_000, 100_000),
            registry=self.registry,
        )
        self.verbs = Counter(
            "lineal_store_calls",
            "Calls of store verbs, a round trip each.",
            ["verb", "outcome"],
            registry=self.registry,
        )
        self.verb_seconds = Histogram(
            "lineal_store_seconds", "Time store verbs take.", ["verb"], registry=self.registry
        )

    def watch(self, store: Store) -> None:
        """Count and time every verb of a store."""
        for verb in VERBS:
            setattr(store, verb, self._timed(verb, getattr(store, verb)))

    def _timed(self, verb: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def timed(*args: Any, **named: Any) -> Any:
            outcome, began = "error", perf_counter()
            try:
                answer = await call(*args, **named)
                outcome = "ok"
                return answer
            finally:
                self.verbs.labels(verb, outcome).inc()
                self.verb_seconds.labels(verb).observe(perf_counter() - began)

        return timed
