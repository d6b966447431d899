"""The guide to writing a client, held to the example clients, which a test runs, and to a server."""

import re
from pathlib import Path

from graphql_requests import data

from lineal.graphstore.opening import open_store

GUIDE = Path("docs/how-to/write-a-client.md").read_text()
SNIPPETS = re.findall(r"```(\w+)\n(.*?)```", GUIDE, re.DOTALL)
SOURCES = [
    path.read_text()
    for folder, pattern in (
        ("clients/typescript", "*.ts"),
        ("clients/typescript/src", "*.ts"),
        ("clients/typescript/src/relay", "*.ts"),
        ("clients/python", "*.py"),
        ("clients/python", "pyproject.toml"),
        ("clients/python", "operations.graphql"),
    )
    for path in Path(folder).glob(pattern)
]


def test_every_snippet_is_a_part_of_an_example() -> None:
    assert {language for language, _ in SNIPPETS} == {"typescript", "python", "toml", "graphql"}
    assert len(SNIPPETS) == GUIDE.count("```") // 2
    for _, text in SNIPPETS:
        assert any(text.rstrip("\n") in source for source in SOURCES), text


async def test_its_operations_run() -> None:
    record, read = sorted(text for language, text in SNIPPETS if language == "graphql")
    entities = [{"kind": "DATASET", "name": "raw"}, {"kind": "MODEL", "name": "m"}]
    raw, model = "lineal:local:DATASET:raw", "lineal:local:MODEL:m"
    tie = {"source": {"urn": raw}, "destination": {"urn": model}, "type": "CONTRIBUTED_TO"}
    async with await open_store("memory:") as store:
        done = await data(store, record, {"input": {"entities": entities, "associations": [tie]}})
        assert [each["isNew"] for each in done["lineageRecord"]["entities"]] == [True, True]
        answer = (await data(store, read, {"urn": raw, "first": 1}))["entity"]["descendants"]
    assert [edge["node"]["urn"] for edge in answer["edges"]] == [model]
    assert answer["completeness"] == {"isComplete": True, "reasons": []}
