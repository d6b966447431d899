"""OpenLineage's own client for Python sends runs to a server that asks for a key, and GraphQL answers their lineage."""

from pathlib import Path
from typing import Any

import pytest
from client_tools import run_openlineage
from keys import make_account, make_key
from server_process import serving

pytestmark = pytest.mark.slow
QUERY = """{
  datasets(where: {name: {eq: "s3://lake/raw"}}) { nodes { descendants(first: 100, where: {kind: [DATASET]}) {
    totalCount nodes { urn } } } }
  pipelines { nodes { name description runs { totalCount } inputs { totalCount } outputs(first: 1) { totalCount }
    property(key: "sql.query") } }
  processingJobs(first: 100) { nodes { title status parent { title } } }
  features(where: {name: {eq: "s3://lake/clean#mail"}}) { nodes { description dataset { urn }
    ascendants(via: {type: [DERIVED_FROM]}) { nodes { urn } } } }
}"""
RUNS = """{ processingJobs(where: {status: [COMPLETED]}) { totalCount } }"""


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lineal.db"


@pytest.fixture
def key(store: str) -> str:
    make_account(store, "acme")
    return make_key(store, "acme", "etl")


def test_runs_sent_compressed_and_at_once(store: str, key: str, tmp_path: Path) -> None:
    with serving(store, tmp_path, token=key) as server:
        sent = run_openlineage("main.py", "requirements.lock", server.url, key)
        assert sent == {"http": 2, "asyncHttp": {"pending": 0, "success": 40, "failed": 0}}
        answer: dict[str, Any] = server.ask(QUERY)
    (raw,) = answer["datasets"]["nodes"]
    # The dataset clean, its version 7, and twenty with scores.
    assert raw["descendants"]["totalCount"] == 22
    assert {"urn": "lineal:acme:DATASET:s3://lake/clean@7"} in raw["descendants"]["nodes"]
    jobs = {each["name"]: each for each in answer["pipelines"]["nodes"]}
    assert {name: job["runs"]["totalCount"] for name, job in jobs.items()} == {
        "etl/clean": 1,
        "etl/dag": 1,
        "etl/score": 20,
    }
    assert jobs["etl/score"]["outputs"]["totalCount"] == 20
    assert jobs["etl/clean"]["property"].startswith("SELECT id")
    runs = [(each["title"], each["status"], each["parent"]) for each in answer["processingJobs"]["nodes"]]
    assert sorted(runs, key=str) == [
        ("clean", "COMPLETED", {"title": "dag"}),
        ("dag", None, None),
        *[("score", "COMPLETED", {"title": "dag"})] * 20,
    ]
    (mail,) = answer["features"]["nodes"]
    assert mail == {
        "description": "Address of a customer.",
        "dataset": {"urn": "lineal:acme:DATASET:s3://lake/clean"},
        "ascendants": {"nodes": [{"urn": "lineal:acme:FEATURE:s3://lake/raw%23mail"}]},
    }


def test_a_client_of_before_schema_urls(store: str, key: str, tmp_path: Path) -> None:
    with serving(store, tmp_path, token=key) as server:
        run_openlineage("main_0_27.py", "requirements-0.27.lock", server.url, key)
        (job,) = server.ask(QUERY)["pipelines"]["nodes"]
        assert server.ask(RUNS)["processingJobs"]["totalCount"] == 1
    assert job == {
        "name": "etl/report",
        "description": "The report of the day.",
        "runs": {"totalCount": 1},
        "inputs": {"totalCount": 1},
        "outputs": {"totalCount": 1},
        "property": None,
    }


def test_a_client_with_a_wrong_key_is_refused(store: str, key: str, tmp_path: Path) -> None:
    with serving(store, tmp_path, token=key) as server:
        with pytest.raises(AssertionError, match="401 Client Error"):
            run_openlineage("main.py", "requirements.lock", server.url, key[:-1])
        assert server.ask(RUNS)["processingJobs"]["totalCount"] == 0
