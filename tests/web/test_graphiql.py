"""GraphiQL in a real browser, offline, on the demo's data; and its build from the lock."""

import filecmp
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from browser import Page, page
from click.testing import CliRunner
from keys import make_account, make_key
from node import NODE, npm_ci
from server_process import Server, serving

from lineal.capture.sample import write
from lineal.cli import main

WEB = Path("web")
EXAMPLES = sorted((WEB / "src" / "examples").glob("*.graphql"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("demo")
    store, file = f"sqlite:///{folder}/lineal.db", folder / "graph.jsonl"
    with file.open("w") as out:
        write(2000, out)
    done = CliRunner().invoke(main, ["ingest", "capture/samples/marquez.json", str(file), "--store", store])
    assert done.exit_code == 0, done.output
    with serving(store, folder) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_have_answers(demo: Server, example: Path) -> None:
    entity = demo.ask(example.read_text())["entity"]
    for lineage in ("ascendants", "descendants"):
        assert lineage not in entity or entity[lineage].get("edges", entity[lineage].get("nodes"))


@pytest.mark.browser
def test_a_query_is_run_and_answered(demo: Server, tmp_path: Path) -> None:
    assert len(EXAMPLES) == 3
    with page(f"{demo.url}/graphql", tmp_path / "profile") as tab:
        tab.until("document.querySelectorAll('[role=tab]').length >= 3")
        tab.until("document.body.innerText.includes('CorruptDataset')")
        answered_when_asked(tab, "totalCount")
        answer = tab.run("document.querySelector('.graphiql-response').innerText")
        tab.screenshot(tmp_path / "graphiql.png")
    assert "serve-0-" in answer
    foreign = [url for url in tab.requests if not url.startswith((demo.url, "data:", "blob:", "about:"))]
    assert foreign == []
    assert [error for error in tab.errors if "favicon" not in error] == []


@pytest.mark.browser
def test_an_api_key_is_added_to_the_headers(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/lineal.db"
    make_account(store, "acme")
    header = json.dumps({"Authorization": f"Bearer {make_key(store, 'acme', 'me', '--role', 'admin')}"})
    with serving(store, tmp_path, token="") as server, page(f"{server.url}/graphql", tmp_path / "profile") as tab:
        tab.until("document.body.innerText.includes('CorruptDataset')")
        tab.until("document.querySelector('[role=status]')?.innerText.includes('put a token or an API key')")
        answered_when_asked(tab, "UNAUTHENTICATED")
        headers = "[...document.querySelectorAll('button')].find(each => each.innerText === 'Headers')"
        tab.run(f"{headers}.click()")
        # Until then the editor that shows is that of the variables.
        tab.until(f"{headers}.classList.contains('active')")
        editor = ".graphiql-editor-tool .graphiql-editor:not(.hidden)"
        tab.until(f"!!document.querySelector('{editor}')?.getBoundingClientRect().height")
        for _ in range(20):
            tab.click(editor)
            if tab.soon(f"document.querySelector('{editor}').contains(document.activeElement)"):
                tab.call("Input.insertText", text=header)
            if tab.soon(f"document.querySelector('{editor}').innerText.includes('Authorization')"):
                break
        answered_when_asked(tab, '"data"')


@pytest.mark.browser
def test_the_schema_shows_without_a_token(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/lineal.db"
    make_account(store, "acme")
    make_key(store, "acme", "me", "--role", "admin")
    with serving(store, tmp_path, token="") as server, page(f"{server.url}/graphql", tmp_path / "profile") as tab:
        explorer = "document.querySelector('[aria-label=\"Show Documentation Explorer\"]')"
        tab.until(f"!!{explorer}")
        tab.run(f"{explorer}.click()")
        tab.until("document.body.innerText.includes('Root Types')")


@pytest.mark.browser
def test_a_link_opens_a_query_with_its_variables(demo: Server, tmp_path: Path) -> None:
    query = "query Linked($urn: String!) { entity(urn: $urn) { name } }"
    link = urlencode({"query": query, "variables": json.dumps({"urn": "lineal:100000000000:DATASET:raw-0-0@1"})})
    with page(f"{demo.url}/graphql?{link}", tmp_path / "profile") as tab:
        tab.until("document.body.innerText.includes('Linked')")
        assert not [url for url in tab.requests if "Linked" in url and "/graphql?" not in url]
        answered_when_asked(tab, "raw-0-0")
        assert tab.run("document.querySelectorAll('[role=tab]').length") >= 4, "the examples are there, too"
        assert not tab.run("!!document.querySelector('[role=status]')"), "the store is not empty"
    assert [error for error in tab.errors if "favicon" not in error] == []


@pytest.mark.browser
def test_an_empty_store_says_how_to_load_the_sample(tmp_path: Path) -> None:
    with serving("memory:", tmp_path) as server, page(f"{server.url}/graphql", tmp_path / "profile") as tab:
        shown = tab.until("document.querySelector('[role=status] pre')?.innerText")
        assert shown.splitlines() == [
            "python -m lineal.capture.sample 300 sample.jsonl",
            f"lineal ingest sample.jsonl --url {server.url}",
        ]
        tab.screenshot(tmp_path / "empty.png")
        tab.click("[aria-label=Close]")
        tab.until("!document.querySelector('[role=status]')")


def answered_when_asked(tab: Page, text: str) -> None:
    """Ask, until the answer holds a text."""
    answered = f"document.querySelector('.graphiql-response').innerText.includes({text!r})"
    tab.until("!!document.querySelector('.graphiql-execute-button')")
    # Until the editor has taken its place, the button moves: a click may miss it, as a person's may.
    for _ in range(20):
        tab.click(".graphiql-execute-button")
        if tab.soon(answered):
            break
    tab.until(answered, 1)


@pytest.mark.slow
def test_the_built_files_are_those_the_lock_gives(tmp_path: Path) -> None:
    work = tmp_path / "web"
    shutil.copytree(WEB, work, ignore=shutil.ignore_patterns("node_modules", "static", "__pycache__"))
    npm_ci(work)
    subprocess.run([NODE, "build.mjs", "static"], cwd=work, check=True, timeout=300)
    built, kept = work / "static", WEB / "static"
    names = sorted(path.name for path in kept.iterdir())
    assert sorted(path.name for path in built.iterdir()) == names
    different = filecmp.cmpfiles(built, kept, names, shallow=False)[1:]
    assert different == ([], []), "web/static is stale: cd web, npm ci, npm run build"
