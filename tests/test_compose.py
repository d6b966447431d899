"""docker-compose.yml: what is pinned, checked and mounted, and that its script fills the servers' configuration."""

import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from engines import GRAPH_SERVERS, Engine

from lineal.config import check_dev, load_settings
from lineal.graphstore.gremlin.client import GremlinClient
from lineal.graphstore.gremlin.servers.templates import filled
from lineal.graphstore.gremlin.transport import Address, Transport

SERVERS = "./graphstore/gremlin/servers/"
FILLED = ("janusgraph-server.yaml", "janusgraph-cql.properties", "init.groovy")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    created: dict[str, Any] = yaml.safe_load(Path("docker-compose.yml").read_text())
    return created


def test_every_service_is_pinned_watched_and_restarted(compose: dict[str, Any]) -> None:
    assert sorted(compose["services"]) == ["cassandra", "elasticsearch", "janusgraph", "lineal"]
    for name, service in compose["services"].items():
        assert re.fullmatch(r"[\w/]+:\d+\.\d+\.\d+", service["image"]), name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["healthcheck"]["start_period"], name
        assert service["restart"] == "unless-stopped", name
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name} listens on more than loopback"


def test_services_wait_for_healthy_dependencies(compose: dict[str, Any]) -> None:
    services = compose["services"]
    needed = {"janusgraph": ["cassandra", "elasticsearch"], "lineal": ["janusgraph"]}
    for name, others in needed.items():
        assert services[name]["depends_on"] == {other: {"condition": "service_healthy"} for other in others}


def test_lineal_starts_with_access_control_and_reaches_janusgraph(compose: dict[str, Any]) -> None:
    lineal = compose["services"]["lineal"]
    settings = load_settings({}, {**image_environment(), **lineal["environment"]})
    check_dev(settings)
    assert (settings.store, settings.host, settings.dev) == ("gremlin://janusgraph:8182", "0.0.0.0", False)
    assert lineal["ports"] == [f"127.0.0.1:{settings.port}:{settings.port}"]
    assert not {"command", "network_mode"} & lineal.keys()
    assert "ports" not in compose["services"]["janusgraph"]


def image_environment() -> dict[str, str]:
    """The settings that the image brings along."""
    (line,) = [line for line in Path("Dockerfile").read_text().splitlines() if line.startswith("ENV LINEAL_")]
    return dict(word.split("=", 1) for word in line.split()[1:])


def test_the_image_keeps_its_store_in_a_volume_it_can_write() -> None:
    lines = Path("Dockerfile").read_text().splitlines()
    assert image_environment()["LINEAL_STORE"] == "sqlite:////var/lib/lineal/lineal.db"
    assert {"VOLUME /var/lib/lineal", "USER lineal", 'CMD ["lineal", "serve"]'} <= set(lines)
    (made,) = [
        place for place, line in enumerate(lines) if "install --directory --owner lineal /var/lib/lineal" in line
    ]
    assert made < lines.index("VOLUME /var/lib/lineal")


def test_volumes_are_declared_and_mounted_files_are_the_servers(compose: dict[str, Any]) -> None:
    named = set()
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source, target, *mode = volume.split(":")
            if not source.startswith("."):
                named.add(source)
                continue
            assert source.startswith(SERVERS)
            assert Path(source).is_file()
            assert (Path(target).name, mode) == (Path(source).name, ["ro"])
    assert named == set(compose["volumes"]) == {"cassandra", "elasticsearch"}
    mounted = {Path(each.split(":")[0]).name for each in compose["services"]["janusgraph"]["volumes"]}
    assert mounted == {*FILLED, "ready.groovy"}


def parts_of_the_script(compose: dict[str, Any]) -> tuple[str, str, str]:
    """What JanusGraph's container does: it fills the configuration, waits, and becomes the server."""
    shell, flags, script = compose["services"]["janusgraph"]["command"]
    assert (shell, flags) == ("bash", "-ec")
    filling, marker, rest = script.replace("$$", "$").partition("for needed in ")
    waiting, _, start = (marker + rest).rpartition("exec ")
    return filling, waiting, start


def test_the_script_waits_for_its_dependencies(compose: dict[str, Any]) -> None:
    _, waiting, start = parts_of_the_script(compose)
    assert start == "bin/janusgraph-server.sh /tmp/lineal/janusgraph-server.yaml\n"
    places = "cassandra/9042 elasticsearch/9200"
    assert places in waiting
    with socket.create_server(("127.0.0.1", 0)) as first, socket.socket() as second:
        second.bind(("127.0.0.1", 0))  # and does not listen yet
        here = " ".join(f"127.0.0.1/{each.getsockname()[1]}" for each in (first, second))
        script = waiting.replace(places, here).replace("sleep 2", "sleep 0.1")
        process = subprocess.Popen(["bash", "-ec", script])
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            second.listen()
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()


def test_the_script_fills_what_is_mounted(compose: dict[str, Any], tmp_path: Path) -> None:
    prepared, _, _ = parts_of_the_script(compose)
    # The places keep their values; only where files are read and written differs from the container.
    here = prepared.replace("mkdir -p /tmp/lineal", f"mkdir -p {tmp_path}").replace('"/tmp/lineal/', f'"{tmp_path}/')
    here = here.replace("/etc/lineal/", SERVERS)
    subprocess.run(["bash", "-ec", here], check=True)
    values = {
        "host": "0.0.0.0",
        "port": 8182,
        "evaluation_timeout": 120000,
        "folder": "/tmp/lineal",
        "graph": "janusgraph-cql",
        "instance": "janusgraph",
        "cassandra": "cassandra",
        "cassandra_port": 9042,
        "keyspace": "lineal",
        "datacenter": "datacenter1",
        "replication": 1,
        "search_backend": "elasticsearch",
        "search": "elasticsearch",
        "search_port": 9200,
    }
    for name in FILLED:
        assert (tmp_path / name).read_text() == filled(name, **values)


def test_the_image_is_pinned_and_copies_what_exists() -> None:
    lines = Path("Dockerfile").read_text().splitlines()
    assert re.fullmatch(r"FROM python:3\.11\.\d+-slim-\w+", lines[0])
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    kept = {line[1:] for line in Path(".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == kept
    assert all(Path(word).exists() for word in copied)


def test_required_settings_are_there() -> None:
    cql = filled("janusgraph-cql.properties", **dict.fromkeys(_PLACES, "x"))
    berkeley = filled("janusgraph-berkeleyje.properties", data="/x")
    shared = {"graph.set-vertex-id=true", "schema.default=none", "query.batch.enabled=true", "cache.db-cache=false"}
    assert shared <= set(cql.splitlines())
    assert shared <= set(berkeley.splitlines())
    assert {
        "storage.cql.init-wait-time=2000",
        "storage.cql.read-consistency-level=QUORUM",
        "storage.cql.write-consistency-level=QUORUM",
        "index.search.elasticsearch.bulk-refresh=true",
    } <= set(cql.splitlines())
    assert {
        "storage.berkeleyje.isolation-level=REPEATABLE_READ",
        "storage.berkeleyje.ext.je.txn.durability=SYNC,NO_SYNC,NONE",
    } <= set(berkeley.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in GRAPH_SERVERS if name.startswith("janusgraph")])
async def test_every_janusgraph_option_exists(name: str, request: pytest.FixtureRequest) -> None:
    """It passes over what it does not know, without a word."""
    engine: Engine = request.getfixturevalue(name.replace("-", "_"))
    (properties,) = engine.folder.glob("janusgraph-*.properties")
    lines = properties.read_text().splitlines()
    # What follows `ext` is BerkeleyJE's, which refuses what it does not know; what is Elasticsearch's only a JanusGraph
    # knows that has the part for it.
    passed_over = ("#", "storage.berkeleyje.ext.", "index.search.elasticsearch.")
    options = [line.partition("=")[0] for line in lines if line and not line.startswith(passed_over)]
    server = GremlinClient(Transport(Address.parsed(engine.url)))
    try:
        unknown = await server.script(f"""
            import org.janusgraph.diskstorage.configuration.ConfigElement
            import org.janusgraph.graphdb.configuration.GraphDatabaseConfiguration
            {[*options, "storage.no-such-option"]}.findAll {{
                try {{ ConfigElement.parse(GraphDatabaseConfiguration.ROOT_NS, it); false }}
                catch (IllegalArgumentException problem) {{ true }}
            }}""")
    finally:
        await server.transport.close()
    assert unknown == ["storage.no-such-option"]


_PLACES = (
    "instance", "cassandra", "cassandra_port", "keyspace", "datacenter", "replication", "search_backend", "search",
    "search_port", "folder",
)  # fmt: skip
