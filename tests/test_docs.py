"""The documentation, held to what the code does."""

import hashlib
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
import rfc8785
from graphql import parse, validate
from server_process import serving

from lineal.cli import main
from lineal.config import Settings
from lineal.schema import schema

DOCS = Path("docs")


def test_the_tutorial_works_as_it_says(tmp_path: Path) -> None:
    text = (DOCS / "tutorial.md").read_text()
    steps = re.findall(r"```graphql\n(.*?)```\s+```json\n(.*?)```", text, re.DOTALL)
    assert len(steps) == text.count("```graphql") == 7
    with serving("memory:", tmp_path) as server:
        for query, answer in steps:
            assert {"data": server.ask(query)} == json.loads(answer), query


def test_after_everything_occurred_the_tutorial_shows_what_it_shows_now(tmp_path: Path) -> None:
    shown = """{{ entities{} {{ totalCount nodes {{
      urn occurredAt status tags properties {{ key value }} history {{ totalCount }}
      associations {{ nodes {{ id role occurredAt }} }}
      ascendants {{ edges {{ distance path {{ id }} node {{ urn }} }} }} descendants {{ totalCount }} }} }} }}"""
    with serving("memory:", tmp_path) as server:
        for query in re.findall(r"```graphql\n(mutation.*?)```", (DOCS / "tutorial.md").read_text(), re.DOTALL):
            server.ask(query)
        now = server.ask(shown.format(""))
        then = server.ask(shown.format('(asOf: {occurredAt: "2026-03-02T00:00:00Z"})'))
    assert now["entities"]["totalCount"] == 5
    assert then == now


def test_every_question_in_the_guides_can_be_asked() -> None:
    pages = [page for page in DOCS.rglob("*.md") if page.name != "tutorial.md"]
    documents = [text for page in pages for text in re.findall(r"```graphql\n(.*?)```", page.read_text(), re.DOTALL)]
    assert len(documents) >= 9
    for document in documents:
        assert not validate(schema._schema, parse(document)), document


@pytest.mark.parametrize(("page", "least"), [("security", 30), ("reliability", 8)])
def test_every_test_that_a_page_names_is_there(page: str, least: int) -> None:
    text = (DOCS / "explanation" / f"{page}.md").read_text()
    named = re.findall(r"`(tests/[a-z_/]+\.py)(?:::(\w+))?`", text)
    assert len(named) >= least
    for file, test in named:
        assert not test or f"def {test}(" in Path(file).read_text(), f"{file}::{test}"
        assert Path(file).exists(), file


def test_digests_can_be_recomputed_from_the_page_alone() -> None:
    text = (DOCS / "reference" / "digests.md").read_text()
    examples = re.findall(r"```json\n(.*?)```\s+digest `([0-9a-f]{64})`", text, re.DOTALL)
    assert len(examples) == 4
    for form, digest in examples:
        assert hashlib.sha256(rfc8785.dumps(json.loads(form))).hexdigest() == digest


def test_every_command_has_a_heading() -> None:
    headings = re.findall(r"^## `lineal (\w+)", (DOCS / "reference" / "cli.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(main.commands)


def test_every_setting_has_a_row() -> None:
    page = (DOCS / "reference" / "settings.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\| ([^|]*) \|", page, re.MULTILINE)
    assert rows == [(each.name, each.metadata["accepted"].shown) for each in fields(Settings)]


def test_every_route_has_a_heading() -> None:
    from lineal.app import create_app

    app = create_app(Settings(dev=True))
    paths = [route.path for route in app.routes if hasattr(route, "path") and not route.path.startswith("/static")]
    headings = re.findall(r"^## `(\S+)`", (DOCS / "reference" / "http.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(paths)


def test_links_lead_somewhere() -> None:
    for page in [Path("README.md"), Path("CONTRIBUTING.md"), *DOCS.rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page} links to {link}"
