"""Metrics of the server, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from lineal.loop_lag import LoopLag


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self, lag: LoopLag) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "lineal_graphql_requests", "GraphQL requests.", ["operation", "outcome"], registry=self.registry
        )
        self.seconds = Histogram(
            "lineal_http_request_seconds", "Duration of requests, by route.", ["route"], registry=self.registry
        )
        self.in_progress = Gauge("lineal_http_requests_under_way", "Requests in progress.", registry=self.registry)
        self.cost = Histogram(
            "lineal_graphql_cost_values",
            "Estimated values of answers.",
            buckets=(10, 100, 1_000, 10_000, 100_000),
            registry=self.registry,
        )
        self.openlineage = Counter(
            "lineal_openlineage_events",
            "OpenLineage events and documents: new, known, quarantined, denied or unavailable.",
            ["outcome"],
            registry=self.registry,
        )
        self.verbs = Counter(
            "lineal_store_calls",
            "Calls of store verbs, one round trip each.",
            ["verb", "outcome"],
            registry=self.registry,
        )
        self.verb_seconds = Histogram(
            "lineal_store_seconds", "Duration of calls of store verbs.", ["verb"], registry=self.registry
        )

        self.connections = Gauge("lineal_http_connections", "Open connections of clients.", registry=self.registry)
        self.refused_connections = Counter(
            "lineal_http_connections_refused",
            "Connections refused or closed, by reason: at a bound, too slow, no HTTP, or out of descriptors.",
            ["reason"],
            registry=self.registry,
        )
        pause = Gauge(
            "lineal_event_loop_lag_seconds",
            "Longest time since the last scrape that the event loop was held.",
            registry=self.registry,
        )
        pause.set_function(lag.longest_pause)

    def count_refused_connection(self, reason: str) -> None:
        """Count one connection that was refused or closed."""
        self.refused_connections.labels(reason).inc()

    def record_call(self, verb: str, outcome: str, seconds: float) -> None:
        """Count and time one call of a store verb; `outcome` is "ok" or "error"."""
        self.verbs.labels(verb, outcome).inc()
        self.verb_seconds.labels(verb).observe(seconds)
