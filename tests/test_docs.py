"""The documentation, held to what the code does."""

import hashlib
import json
import re
from dataclasses import fields
from pathlib import Path

import rfc8785
from serving import serving

from lineal.cli import main
from lineal.config import Settings

DOCS = Path("docs")


def test_the_tutorial_works_as_it_says(tmp_path: Path) -> None:
    text = (DOCS / "tutorial.md").read_text()
    steps = re.findall(r"```graphql\n(.*?)```\s+```json\n(.*?)```", text, re.DOTALL)
    assert len(steps) == text.count("```graphql") == 7
    with serving("memory:", tmp_path) as server:
        for query, answer in steps:
            assert {"data": server.ask(query)} == json.loads(answer), query


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
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / "reference" / "settings.md").read_text(), re.MULTILINE)
    assert rows == [each.name for each in fields(Settings)]


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
