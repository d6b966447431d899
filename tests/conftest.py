"""Order and settings for all tests: fast ones first."""

import os
from collections.abc import Iterator

import pytest
from engines import GRAPH_SERVERS, Engine
from hypothesis import HealthCheck, Phase, settings

_SLOW = ("slow", "browser", "faults")

_SHARED = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}
# Shrinking takes minutes; `scripts/torture` shrinks.
_QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
settings.register_profile("default", max_examples=150, phases=_QUICK, **_SHARED)  # type: ignore[arg-type]
settings.register_profile("thorough", max_examples=2000, **_SHARED)  # type: ignore[arg-type]
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


_SERVER_FIXTURES = {"graph_server", *(name.replace("-", "_") for name in GRAPH_SERVERS)}


# First of all hooks: `-m graph_server` selects by what is marked here.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use a graph server, and run what takes seconds after what does not."""
    for item in items:
        if _uses_graph_server(item):
            item.add_marker("graph_server")
    items.sort(key=lambda item: any(item.get_closest_marker(name) for name in _SLOW))


def _uses_graph_server(item: pytest.Item) -> bool:
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    engines = {value for value in parameters if isinstance(value, str)} & set(GRAPH_SERVERS)
    return bool(engines or _SERVER_FIXTURES & set(getattr(item, "fixturenames", ())))


def _started(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(name, tmp_path_factory.mktemp(name))
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


@pytest.fixture(scope="session")
def gremlin_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A Gremlin Server with a TinkerGraph."""
    yield from _started("gremlin-server", tmp_path_factory)


@pytest.fixture(scope="session")
def janusgraph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A JanusGraph on BerkeleyJE."""
    yield from _started("janusgraph", tmp_path_factory)


@pytest.fixture(scope="session")
def janusgraph_cassandra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A JanusGraph on a Cassandra node."""
    yield from _started("janusgraph-cassandra", tmp_path_factory)


@pytest.fixture(scope="session", params=GRAPH_SERVERS)
def graph_server(request: pytest.FixtureRequest) -> Engine:
    """Each of the graph servers."""
    engine: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    return engine
