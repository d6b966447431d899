"""`lineal models`: listing, registering, deciding; on a store, and as someone of a server."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from keys import make_account, make_key
from server_process import serving

from lineal.cli import main

MODEL = "lineal:local:MODEL:m"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with a model of the account local."""
    url = f"sqlite:///{tmp_path}/lineal.db"
    file = tmp_path / "lines.jsonl"
    file.write_text('{"entity": {"key": "m", "kind": "MODEL", "name": "m"}}\n')
    assert run("ingest", str(file), "--store", url).exit_code == 0
    return url


def version(number: int) -> str:
    return f"lineal:local:MODEL_VERSION:churn@{number}"


def test_a_registry_from_the_command_line(store: str) -> None:
    at = ("--store", store)
    assert run("models", *at).output == ""
    for number in (1, 2, 3):
        words = ("--description", "of march", "--tag", "t") if number == 1 else ()
        assert run("models", "register", "churn", MODEL, *words, *at).output == f"{version(number)}\n"
    assert run("models", "register", "lineal:local:MODEL_GROUP:churn", MODEL, *at).output == f"{version(4)}\n"
    done = run("models", "review", version(1), "--approve", "--reason", "good enough", *at)
    assert re.fullmatch(r"lineal:local:APPROVAL:churn@\S+\n", done.output)
    for decision in ("--approve", "--reject"):
        assert run("models", "review", version(3), decision, *at).exit_code == 0
    assert run("models", "review", version(2), "--pend", *at).exit_code == 0
    for asked in (("models",), ("models", "list")):
        assert run(*asked, *at).output == "lineal:local:MODEL_GROUP:churn\t4\t4\t1\n"
    for named in (("churn",), ("show", "churn"), ("lineal:local:MODEL_GROUP:churn",)):
        lines = [line.split("\t") for line in run("models", *named, *at).output.splitlines()]
        assert [(line[0], line[1], line[2], line[3], line[5]) for line in lines] == [
            (version(4), MODEL, "", "", ""),
            (version(3), MODEL, "REJECTED", "local/local", ""),
            (version(3), MODEL, "APPROVED", "local/local", ""),
            (version(2), MODEL, "PENDING", "local/local", ""),
            (version(1), MODEL, "APPROVED", "local/local", "good enough"),
        ]
    shown = json.loads(run("models", "churn", "--json", *at).output)
    assert shown["urn"] == "lineal:local:MODEL_GROUP:churn"
    assert [(each["number"], [a["decision"] for a in each["approvals"]]) for each in shown["versions"]] == [
        (4, []),
        (3, ["REJECTED", "APPROVED"]),
        (2, ["PENDING"]),
        (1, ["APPROVED"]),
    ]
    (group,) = json.loads(run("models", "--json", *at).output)["modelGroups"]
    assert (group["name"], group["latestApproved"]["number"]) == ("churn", 1)


@pytest.mark.parametrize(
    ("words", "message", "status"),
    [
        (("register", "churn", "lineal:local:MODEL:no"), "lineal:local:MODEL:no is not recorded: record it first", 1),
        (("register", "", MODEL), "name is empty", 1),
        (("register", "lineal:local:MODEL_GROUP:no", MODEL), "lineal:local:MODEL_GROUP:no is not recorded", 1),
        (("review", MODEL, "--approve"), f"{MODEL} is of kind MODEL: give one of kind MODEL_VERSION.", 1),
        (("review", version(9), "--reject"), f"{version(9)} is not recorded", 1),
        (("review", version(9)), "give one of --approve, --reject and --pend", 2),
        (("no",), "there is no model group no here: `lineal models` lists them", 1),
        (("show", "lineal:local:MODEL_GROUP:no"), "there is no model group lineal:local:MODEL_GROUP:no here", 1),
        (
            ("no", "--as-of", "2026-03-03"),
            "there is no model group no here, recorded by 2026-03-03T00:00:00",
            1,
        ),
        (("--as-of", "soon"), "--as-of is 'soon': write a date", 2),
        (("churn", "--occurred-by", "soon"), "--occurred-by is 'soon': write a date", 2),
        (("show", MODEL), f"there is no model group {MODEL} here", 1),
        (("list", "--url", "http://127.0.0.1:1"), "give --url or --store, not both", 2),
        (("register", "churn"), "Missing argument 'MODEL_URN'", 2),
    ],
)
def test_errors_say_what_is_wrong(store: str, words: tuple[str, ...], message: str, status: int) -> None:
    done = run("models", *words, "--store", store)
    assert message in done.output
    assert "Traceback" not in done.output
    assert done.exit_code == status


def test_as_of_a_time(store: str) -> None:
    at = ("--store", store)
    for _ in range(2):
        assert run("models", "register", "churn", MODEL, *at).exit_code == 0
    before = json.loads(run("descendants", MODEL, "--kind", "MODEL_VERSION", "--json", *at).output)["descendants"]
    assert run("models", "review", version(2), "--approve", *at).exit_code == 0
    registered = max(edge["node"]["occurredAt"] for edge in before)
    assert run("models", *at).output == "lineal:local:MODEL_GROUP:churn\t2\t2\t2\n"
    for flag in ("--as-of", "--occurred-by"):
        assert run("models", flag, registered, *at).output == "lineal:local:MODEL_GROUP:churn\t2\t2\t\n"
        lines = run("models", "churn", flag, registered, *at).output.splitlines()
        assert [line.split("\t")[:3] for line in lines] == [[version(2), MODEL, ""], [version(1), MODEL, ""]]
        assert run("models", flag, "2020-01-01", *at).output == ""


def test_the_latest_of_many_decisions_are_shown(store: str, tmp_path: Path) -> None:
    assert run("models", "register", "churn", MODEL, "--store", store).exit_code == 0
    lines: list[dict[str, Any]] = []
    for number in range(101):
        variables: dict[str, Any] = {
            "kind": "APPROVAL",
            "name": "churn",
            "version": f"{number}",
            "properties": {"decision": "APPROVED"},
        }
        lines.append({"entity": {"key": f"{number}", **variables}})
    for number in range(101):
        tie = {"source": version(1), "destination": f"{number}", "type": "ASSOCIATED_WITH"}
        lines.append({"association": tie})
    file = tmp_path / "decisions.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run("ingest", str(file), "--store", store).exit_code == 0
    done = run("models", "churn", "--store", store)
    assert len(done.stdout.splitlines()) == 100
    assert done.stderr == f"{version(1)} has 101 decisions; the latest 100 are shown\n"


def test_help_is_help() -> None:
    assert "Without a subcommand, lists the groups, or the versions" in run("models", "--help").output


def test_groups_of_one_name_are_distinguished(store: str, tmp_path: Path) -> None:
    file = tmp_path / "more.jsonl"
    file.write_text(
        '{"entity": {"key": "a", "account": "a", "kind": "MODEL_GROUP", "name": "churn"}}\n'
        '{"entity": {"key": "b", "account": "b", "kind": "MODEL_GROUP", "name": "churn"}}\n'
    )
    assert run("ingest", str(file), "--store", store).exit_code == 0
    done = run("models", "churn", "--store", store)
    assert done.output == (
        "lineal: there are 2 model groups of this name; give the URN of one: lineal:a:MODEL_GROUP:churn, "
        "lineal:b:MODEL_GROUP:churn\n"
    )
    assert run("models", "lineal:a:MODEL_GROUP:churn", "--store", store).output == ""


def test_with_credentials_against_a_server(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_account(store, "acme")
    member, lead = make_key(store, "acme", "mia"), make_key(store, "acme", "ada", "--role", "admin")
    file = tmp_path / "model.jsonl"
    file.write_text('{"entity": {"key": "m", "kind": "MODEL", "name": "m"}}\n')
    with serving(store, tmp_path, token=member) as server:
        at = ("--url", server.url)
        monkeypatch.setenv("LINEAL_TOKEN", member)
        assert run("ingest", str(file), *at).exit_code == 0
        assert run("models", "register", "churn", "lineal:acme:MODEL:m", *at).output == (
            "lineal:acme:MODEL_VERSION:churn@1\n"
        )
        review = ("models", "review", "lineal:acme:MODEL_VERSION:churn@1", "--approve")
        refused = run(*review, *at)
        assert (refused.exit_code, refused.output) == (
            1,
            "lineal: Deciding on lineal:acme:MODEL_VERSION:churn@1 needs lineage:Approve on it: ask an administrator "
            "of its account.\n",
        )
        monkeypatch.setenv("LINEAL_TOKEN", lead)
        assert run(*review, *at).exit_code == 0
        assert run("models", *at).output == "lineal:acme:MODEL_GROUP:churn\t1\t1\t1\n"
        (line,) = run("models", "churn", *at).output.splitlines()
        assert line.split("\t")[:4] == [
            "lineal:acme:MODEL_VERSION:churn@1",
            "lineal:acme:MODEL:m",
            "APPROVED",
            "acme/ada",
        ]
        monkeypatch.delenv("LINEAL_TOKEN")
        assert "put a token or an API key into LINEAL_TOKEN" in run("models", *at).output
