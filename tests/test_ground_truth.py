"""The real server's answers, compared with lineage computed the long way round."""

import asyncio
from pathlib import Path

import pytest
from engines import Engine, emptied
from ground_truth import Graph
from interrogation import Interrogation, over_http
from server_process import serving

from lineal.capture.sample import write
from lineal.cli import main


def compared(store: str, models: int, questions: int, tmp_path: Path) -> None:
    from click.testing import CliRunner

    file = tmp_path / "graph.jsonl"
    with file.open("w") as out:
        write(models, out, seed=models)
    assert CliRunner().invoke(main, ["ingest", str(file), "--store", store]).exit_code == 0
    with serving(store, tmp_path) as server:
        interrogation = Interrogation(over_http(server.client, "/graphql"), Graph.read(file), seed=models)
        for _ in range(questions):
            interrogation.question()


@pytest.mark.slow
@pytest.mark.parametrize(("models", "questions"), [(40, 150), (1000, 60)])
def test_random_questions(models: int, questions: int, tmp_path: Path) -> None:
    compared(f"sqlite:///{tmp_path}/lineal.db", models, questions, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("models", "questions"), [(40, 150), (300, 60)])
def test_random_questions_to_graph_servers(models: int, questions: int, graph_server: Engine, tmp_path: Path) -> None:
    asyncio.run(emptied(graph_server.url))
    compared(graph_server.url, models, questions, tmp_path)
