"""The questions that lineage is for, asked of the sample as the guide writes them, each in one query."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from graphql import OperationDefinitionNode, parse
from graphql_requests import GRAPH, data

from lineal.capture.sample import write
from lineal.cli import main
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store
from lineal.schema.limits import DocumentLimits, judge

GUIDE = {
    name: text
    for text, name in re.findall(
        r"```graphql\n(query (\w+).*?)```", Path("docs/how-to/ask-questions.md").read_text(), re.DOTALL
    )
}
ACCOUNT = "lineal:100000000000"
SERVED = "{ endpoints(first: 1) { nodes { urn ... on Endpoint { modelVersions { nodes { urn } } } } } }"
APPROVE = """mutation ($version: String!) { modelVersionReview(input: {version: {urn: $version}, decision: APPROVED,
  reason: "AUC above 0.9"}) { userErrors { message } } }"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("questions")
    file = folder / "sample.jsonl"
    with file.open("w") as out:
        write(300, out)
    url = f"sqlite:///{folder}/lineal.db"
    done = CliRunner().invoke(main, ["ingest", str(file), "capture/samples/marquez.json", "--store", url])
    assert done.exit_code == 0, done.output
    return url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with await open_store(url) as opened:
        yield opened


async def asked(store: Store, name: str, **variables: Any) -> Any:
    """The data of a question of the guide, which must be within the limit on an answer's values."""
    document = parse(GUIDE[name])
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert judge(GRAPH, document, operation, variables, DocumentLimits()).problem is None
    return await data(store, GUIDE[name], variables)


async def test_which_endpoints_a_corrupt_dataset_reached(store: Store) -> None:
    answer = (await asked(store, "WhichEndpoints"))["entity"]["descendants"]
    assert answer["totalCount"] == len(answer["edges"]) > 0
    assert answer["completeness"] == {"isComplete": True, "reasons": []}
    for edge in answer["edges"]:
        assert edge["path"][0]["source"]["urn"] == f"{ACCOUNT}:DATASET:raw-0-0@1"
        assert edge["path"][-1]["destination"]["urn"] == edge["node"]["urn"]
        assert len(edge["path"]) == edge["distance"]


async def test_which_models_a_commit_trained(store: Store) -> None:
    commit = (await data(store, "{ codes(first: 1) { nodes { version } } }"))["codes"]["nodes"][0]["version"]
    (code,) = (await asked(store, "WhichModels", commit=commit[:12]))["codes"]["nodes"]
    assert code["commit"] == commit
    assert code["descendants"]["totalCount"] > 0


async def test_what_made_a_model(store: Store) -> None:
    answer = (await asked(store, "WhatMadeIt"))["entity"]
    kinds = {each["kind"] for each in answer["ascendants"]["nodes"]}
    assert kinds >= {"CODE", "DATASET", "IMAGE", "TRAINING_JOB", "TRIAL", "EXPERIMENT"}
    jobs = [each for each in answer["ascendants"]["nodes"] if each["kind"] == "TRAINING_JOB"]
    assert {"key": "hyperparameters.epochs"}.items() <= jobs[0]["parameters"][0].items()
    assert jobs[0]["metrics"][0]["name"] == "auc"


async def test_what_differs_between_two_models(store: Store) -> None:
    this, that = ({"urn": f"{ACCOUNT}:MODEL:model-{n}@{n}"} for n in (4, 0))
    answer = await asked(store, "WhatDiffers", this=this, that=that)
    assert {"kind": "TRAINING_JOB", "name": "train-4", "version": None} in answer["onlyThis"]["nodes"]
    assert {"kind": "TRAINING_JOB", "name": "train-0", "version": None} in answer["onlyThat"]["nodes"]
    assert "hyperparameters.learning_rate" in [each["key"] for each in answer["comparison"]["parameters"]]


async def test_experiments_and_their_data(store: Store) -> None:
    answer = (await asked(store, "ExperimentsAndTheirData"))["experiments"]
    assert answer["totalCount"] == 2
    trials = answer["nodes"][0]["trials"]
    assert (trials["totalCount"], len(trials["nodes"])) == (150, 5)
    (job,) = trials["nodes"][0]["components"]["nodes"]
    assert job["kind"] == "TRAINING_JOB"
    assert job["inputs"]["nodes"]
    assert job["outputs"]["nodes"][0]["kind"] == "MODEL"


async def test_trials_by_their_learning_rate(store: Store) -> None:
    answer = (await asked(store, "HighRates"))["trials"]
    assert 0 < answer["totalCount"] < 300
    for trial in answer["nodes"]:
        (job,) = trial["components"]["nodes"]
        assert {each["key"]: each["value"] for each in job["parameters"]}["hyperparameters.learning_rate"] > 0.05


async def test_the_best_trial_of_an_experiment(store: Store) -> None:
    answer = (await asked(store, "WhichIsBest"))["comparison"]
    assert (answer["totalCount"], answer["isComplete"]) == (150, False)
    (auc,) = answer["metrics"]
    assert auc["best"]["metrics"][0]["last"] > 0.9


async def test_what_one_parameter_changed(store: Store) -> None:
    answer = (await asked(store, "OneParameter"))["comparison"]["differingOnlyIn"]
    assert answer
    for cell in answer:
        assert cell["of"]["components"]["nodes"][0]["metrics"][0]["last"] is not None
        assert len(cell["values"]) == 1


async def test_who_approved_what_an_endpoint_serves(store: Store) -> None:
    (endpoint,) = (await data(store, SERVED))["endpoints"]["nodes"]
    (version,) = endpoint["modelVersions"]["nodes"]
    reviewed = await data(store, APPROVE, {"version": version["urn"]})
    assert reviewed["modelVersionReview"]["userErrors"] == []
    (found,) = (await asked(store, "WhoApproved", endpoint=endpoint["urn"]))["entity"]["modelVersions"]["nodes"]
    assert found["approval"].items() >= {"decision": "APPROVED", "by": "local/local", "reason": "AUC above 0.9"}.items()
    assert found["model"]["urn"].startswith("lineal:")


async def test_what_was_known_on_a_day(store: Store) -> None:
    answer = (await asked(store, "AsOfThatDay"))["entity"]
    assert answer["ascendants"]["totalCount"] == len(answer["ascendants"]["nodes"]) > 0


async def test_whether_a_record_is_unaltered(store: Store) -> None:
    answer = (await asked(store, "IsItUnaltered"))["entity"]
    assert len(answer["digest"]) == 64


async def test_whose_data_went_into_other_accounts(store: Store) -> None:
    answer = (await asked(store, "AcrossAccounts"))["datasets"]["nodes"]
    assert sum(each["descendants"]["totalCount"] for each in answer) > 0


async def test_who_may_see_what(store: Store) -> None:
    answer = await asked(store, "WhoMaySee")
    assert "READ" in answer["viewer"]["permissions"]


async def test_what_feeds_a_job(store: Store) -> None:
    answer = (await asked(store, "WhatFeedsIt"))["pipelines"]
    assert answer["totalCount"] > 0
    assert any(each["inputs"]["totalCount"] and each["latestRun"] for each in answer["nodes"])


def test_every_question_of_the_guide_is_asked() -> None:
    text = Path(__file__).read_text()
    assert [name for name in GUIDE if f'"{name}"' not in text] == []
