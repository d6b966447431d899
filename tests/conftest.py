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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes seconds runs after what does not."""
    items.sort(key=lambda item: any(item.get_closest_marker(name) for name in _SLOW))


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
