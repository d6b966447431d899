"""The command line, as a person uses it: what it prints, and what it says when something is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from server_process import serving

from lineal.cli import main

WHEN = "2026-03-01T12:00:00Z"
LINES = [
    {"entity": {"key": "d", "kind": "DATASET", "name": "d", "properties": {"n": 1}}},
    {"entity": {"key": "j", "kind": "TRAINING_JOB", "name": "j"}},
    {"entity": {"key": "m", "kind": "MODEL", "name": "m"}},
    {"association": {"source": "d", "destination": "j", "type": "CONTRIBUTED_TO"}},
    {"association": {"source": "j", "destination": "m", "type": "PRODUCED"}},
    {"revision": {"entity": "j", "status": "COMPLETED", "occurredAt": "2026-03-01T00:00:00Z"}},
]


def run(*words: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, words, input=stdin)


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lineal.db"


@pytest.fixture(params=["store", "server"])
def target(request: pytest.FixtureRequest, tmp_path: Path, store: str) -> Iterator[tuple[str, str]]:
    """Flags that name where to ingest to, and to ask."""
    if request.param == "store":
        yield "--store", store
    else:
        with serving(store, tmp_path) as server:
            yield "--url", server.url


def file_of(tmp_path: Path, *lines: object, name: str = "lines.jsonl") -> str:
    path = tmp_path / name
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return str(path)


def test_ingest_then_query(tmp_path: Path, target: tuple[str, str]) -> None:
    file = file_of(tmp_path, *LINES)
    assert run("ingest", file, *target).output == "6 recorded, 0 already there, 0 bad\n"
    again = run("ingest", file, *target)
    assert (again.output, again.exit_code) == ("0 recorded, 6 already there, 0 bad\n", 0)
    down = run("descendants", "lineal:local:DATASET:d", *target)
    assert down.output.splitlines() == [
        "1\tTRAINING_JOB\tlineal:local:TRAINING_JOB:j",
        "2\tMODEL\tlineal:local:MODEL:m",
        "2 of 2 descendants of lineal:local:DATASET:d",
    ]
    up = run("ascendants", "lineal:local:MODEL:m", "--kind", "dataset", "--json", *target)
    answer = json.loads(up.output)
    assert [edge["node"]["name"] for edge in answer["ascendants"]] == ["d"]
    assert answer["completeness"]["isComplete"] is True
    near = run("ascendants", "lineal:local:MODEL:m", "--depth", "1", *target)
    assert "incomplete: DEPTH" in near.output
    assert run("descendants", "lineal:local:DATASET:d", "--via", "produced", *target).output.startswith("0 of 0")
    other_role = run("descendants", "lineal:local:DATASET:d", "--first-hop-role", "validation", *target)
    assert other_role.output.startswith("0 of 0")
    assert run("descendants", "lineal:local:DATASET:d", "--causal", *target).output.endswith(
        "2 of 2 descendants of lineal:local:DATASET:d\n"
    )
    absent = run("descendants", "lineal:local:DATASET:nothing", *target)
    assert absent.exit_code == 1
    assert "lineal:local:DATASET:nothing is not recorded here: check the URN" in absent.output


def test_query_as_of_a_time(tmp_path: Path, target: tuple[str, str]) -> None:
    lines = [
        {"entity": {"key": "d", "kind": "DATASET", "name": "d", "occurredAt": "2026-03-01T00:00:00Z"}},
        {"entity": {"key": "m", "kind": "MODEL", "name": "m", "occurredAt": "2026-03-02T00:00:00Z"}},
        {
            "association": {
                "source": "d",
                "destination": "m",
                "type": "CONTRIBUTED_TO",
                "occurredAt": "2026-03-03T12:00:00Z",
            }
        },
    ]
    assert run("ingest", file_of(tmp_path, *lines), *target).exit_code == 0
    urn = "lineal:local:MODEL:m"
    now = run("ascendants", urn, *target).output
    assert now == f"1\tDATASET\tlineal:local:DATASET:d\n1 of 1 ascendants of {urn}\n"
    by_noon = run("ascendants", urn, "--occurred-by", "2026-03-03T12:00:00Z", *target)
    assert by_noon.output.endswith(f"1 of 1 ascendants of {urn}, occurred by 2026-03-03T12:00:00.000000Z\n")
    by_morning = run("ascendants", urn, "--occurred-by", "2026-03-03", "--as-of", "9999-01-01", "--json", *target)
    answer = json.loads(by_morning.output)
    assert answer["ascendants"] == []
    assert answer["asOf"] == {"recordedAt": "9999-01-01T00:00:00.000000Z", "occurredAt": "2026-03-03T00:00:00.000000Z"}
    before = run("ascendants", urn, "--as-of", "2000-01-01", *target)
    assert before.exit_code == 1
    assert f"{urn} does not exist as of then (recorded by 2000-01-01T00:00:00.000000Z): check the URN" in before.output


@pytest.mark.parametrize("flag", ["--as-of", "--occurred-by"])
@pytest.mark.parametrize("bad", ["yesterday", "2026-02-30", "2026-03-03T12:00:00", "20260303", ""])
def test_an_invalid_time_is_explained(flag: str, bad: str) -> None:
    done = run("descendants", "lineal:x", flag, bad, "--store", "memory:")
    assert done.exit_code == 2
    assert f"{flag} is {bad!r}: write a date, 2027-03-01, or a time, 2027-03-01T12:00:00Z" in done.output


def test_search(tmp_path: Path, target: tuple[str, str]) -> None:
    results = [
        {"entity": {"kind": "MODEL", "name": f"churn-{n}", "tags": ["nightly"], "properties": {"lr": n, "by": "Ann"}}}
        for n in range(3)
    ]
    assert run("ingest", file_of(tmp_path, *LINES, *results), *target).exit_code == 0
    output = run("search", "CHU ann", "--order", "-property:lr", "--first", "2", *target)
    assert output.output.splitlines() == [
        "MODEL\tlineal:local:MODEL:churn-2",
        "MODEL\tlineal:local:MODEL:churn-1",
        "2 of 3 found",
    ]
    narrowed = (
        "--kind",
        "model",
        "--tag",
        "nightly",
        "--account",
        "local",
        "--property",
        "lr=1",
        "--property",
        "by=Ann",
    )
    answer = json.loads(run("search", *narrowed, "--json", *target).output)
    assert [each["name"] for each in answer["entities"]] == ["churn-1"]
    assert answer["totalCount"] == 1
    assert run("search", "nobody", *target).output == "0 of 0 found\n"
    assert "search holds no word" in run("search", "!", *target).output


@pytest.mark.parametrize("question", [("search",), ("descendants", "lineal:local:DATASET:d")])
def test_a_terminal_shows_names_as_they_are(
    tmp_path: Path, store: str, question: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [json.loads(json.dumps(line).replace('"name": "m"', '"name": "[red]m[v1]"')) for line in LINES]
    assert run("ingest", file_of(tmp_path, *named), "--store", store).exit_code == 0
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    shown = run(*question, "--store", store).output
    assert "[red]m[v1]" in shown
    assert "occurred" in shown


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--order", "size"), "--order is 'size': give urn, name, version, kind, account, type, status, source_uri"),
        (("--property", "lr"), "--property is 'lr': write it as KEY=VALUE"),
    ],
)
def test_search_explains_invalid_filters(store: str, flags: tuple[str, str], message: str) -> None:
    run("account", "create", "local", "--store", store)
    done = run("search", *flags, "--store", store)
    assert done.exit_code == 2
    assert message in done.output


def test_bad_lines_are_reported_and_good_ones_recorded(tmp_path: Path, target: tuple[str, str]) -> None:
    entity = {"entity": {"key": "d", "kind": "DATASET", "name": "d", "description": "other"}}
    unknown = {"association": {"source": "d", "destination": "lineal:local:MODEL:gone", "type": "PRODUCED"}}
    assert run("ingest", file_of(tmp_path, *LINES[:1], name="first.jsonl"), *target).exit_code == 0
    file = file_of(tmp_path, "{", entity, LINES[1], unknown, {"thing": {}}, LINES[2])
    done = run("ingest", file, *target)
    assert done.exit_code == 1
    assert f"{file}:1: is not JSON" in done.output
    assert f"{file}:2: lineal:local:DATASET:d is recorded with other content" in done.output
    assert f"{file}:4: lineal:local:MODEL:gone is not recorded" in done.output
    assert f"{file}:5: 'thing' must be one of entity, association, revision" in done.output
    assert done.output.endswith("2 recorded, 0 already there, 4 bad\n")


def test_valid_observations_are_recorded_and_bad_ones_reported(tmp_path: Path, store: str) -> None:
    def seen(step: object, value: object, entity: str = "j") -> dict[str, object]:
        return {"observation": {"entity": entity, "metric": "loss", "step": step, "value": value, "occurredAt": WHEN}}

    good = [seen(step, 1 / (step + 1)) for step in range(3)]
    assert run("ingest", file_of(tmp_path, *LINES, *good), "--store", store).output.startswith("9 recorded, 0 already")
    urn = "lineal:local:TRAINING_JOB:j"
    bad = [seen(2**63, 1, urn), seen(3, "1", urn), seen(3, 1, "lineal:local:MODEL:gone")]
    huge = json.dumps(seen(3, 0, urn)).replace('"value": 0', '"value": 1e999')
    another_value = seen(1, 7, urn)
    file = file_of(tmp_path, *bad, huge, seen(0, 1, urn), another_value, seen(4, 0.25, urn), name="more.jsonl")
    done = run("ingest", file, "--store", store)
    assert done.output.endswith("2 recorded, 1 already there, 4 bad\n")
    assert f"{file}:1: step is an integer outside 64 bits: count steps in a larger unit." in done.output
    assert f"{file}:2: value must be a number" in done.output
    assert f"{file}:3: lineal:local:MODEL:gone is not recorded" in done.output
    assert f"{file}:4: " in done.output
    strict = run("ingest", "--strict", file_of(tmp_path, bad[0], name="strict.jsonl"), "--store", store)
    assert "1 bad lines, so nothing was sent" in strict.output
    whole = run("export", "--store", store, "-").output
    assert whole.count('"observation"') == 5


def test_strict_sends_nothing_if_a_line_is_bad(tmp_path: Path, target: tuple[str, str]) -> None:
    file = file_of(tmp_path, *LINES, {"entity": {"kind": "DATASET", "name": "x" * 4097}})
    done = run("ingest", "--strict", file, *target)
    assert done.exit_code == 1
    assert f"{file}:7: name is 4097 bytes of UTF-8" in done.output
    assert "1 bad lines, so nothing was sent" in done.output
    assert run("descendants", "lineal:local:DATASET:d", *target).exit_code == 1


def test_strict_stops_at_a_conflict(tmp_path: Path, target: tuple[str, str]) -> None:
    assert run("ingest", file_of(tmp_path, LINES[0], name="first.jsonl"), *target).exit_code == 0
    other = {"entity": {"kind": "DATASET", "name": "d", "description": "other"}}
    file = file_of(tmp_path, LINES[1], other)
    done = run("ingest", "--strict", file, *target)
    assert done.exit_code == 1
    assert "stopped at a refused line: nothing of" in done.output


def test_openlineage_files_of_every_form(tmp_path: Path, target: tuple[str, str]) -> None:
    events = json.loads(Path("capture/samples/marquez.json").read_text())
    assert run("ingest", "capture/samples/marquez.json", *target).output == "26 recorded, 0 already there, 0 bad\n"
    ndjson = file_of(tmp_path, *events, {"eventTime": "never", "run": {}})
    done = run("ingest", ndjson, *target)
    assert done.output.endswith("0 recorded, 26 already there, 1 bad\n")
    assert f"{ndjson}:27: " in done.output
    single = tmp_path / "event.json"
    single.write_text(json.dumps(events[0], indent=2))
    assert run("ingest", str(single), *target).output == "0 recorded, 1 already there, 0 bad\n"


def test_standard_input(store: str) -> None:
    lines = "".join(json.dumps(line) + "\n" for line in LINES).encode()
    assert run("ingest", "-", "--store", store, stdin=lines).output == "6 recorded, 0 already there, 0 bad\n"


def test_export_into_another_store_gives_the_same(tmp_path: Path, store: str) -> None:
    run("ingest", file_of(tmp_path, *LINES), "--store", store)
    run("ingest", "capture/samples/marquez.json", "--store", store)
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    done = run("export", "--store", store, str(first))
    assert done.exit_code == 0
    assert "exported" in done.output
    other = f"sqlite:///{tmp_path}/other.db"
    assert run("ingest", str(first), "--store", other).exit_code == 0
    assert run("export", "--store", other, str(second)).exit_code == 0
    assert first.read_bytes() == second.read_bytes()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("words", "message", "status"),
    [
        (("ingest", "absent.jsonl", "--store", "memory:"), "absent.jsonl", 1),
        (("ingest", "x", "--store", "memory:", "--url", "http://x"), "give --url or --store, not both", 2),
        (("ingest", "capture/samples/marquez.json", "--url", "http://127.0.0.1:9"), "no server answers at", 1),
        (("descendants", "lineal:x", "--url", "http://127.0.0.1:9"), "start one with `lineal serve --dev`", 1),
        (("descendants", "lineal:x", "--store", "postgres://x"), "--store is 'postgres://x': give sqlite:///", 1),
        (("descendants", "lineal:x", "--store", "sqlite:////nowhere/x.db"), "the directory /nowhere does not exist", 1),
        (("export", "--store", "sqlite:///README.md"), "README.md is not an SQLite database", 1),
        (("serve", "--config", "absent.toml"), "absent.toml cannot be read", 1),
    ],
)
def test_errors_are_one_sentence(words: tuple[str, ...], message: str, status: int) -> None:
    done = run(*words)
    assert message in done.output
    assert "Traceback" not in done.output
    assert done.exit_code == status


def test_settings_come_from_flags_then_environment_then_file(tmp_path: Path) -> None:
    from lineal.config import ConfigError, load_settings

    file = tmp_path / "lineal.toml"
    file.write_text('port = 1\nhost = "h"\nvisit_limit = 7\n')
    settings = load_settings({"port": 3}, {"LINEAL_PORT": "2", "LINEAL_HOST": "e", "LINEAL_DEV": "true"}, file)
    assert (settings.port, settings.host, settings.visit_limit, settings.dev) == (3, "e", 7, True)
    with pytest.raises(ConfigError, match="LINEAL_PORT is 'x': give a whole number from 0 to 65535"):
        load_settings({}, {"LINEAL_PORT": "x"})
    file.write_text("prot = 1\n")
    with pytest.raises(ConfigError, match=r"sets prot; the settings are: .*, api_keys, "):
        load_settings({}, {}, file)
    file.write_text("port = = 1\n")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_settings({}, {}, file)


def test_doctor(tmp_path: Path, store: str) -> None:
    assert "does not exist yet: `lineal serve` will create it" in run("doctor", "--store", store).output
    run("ingest", file_of(tmp_path, *LINES), "--store", store)
    well = run("doctor", "--store", store)
    assert "answers a query; it holds lineage" in well.output
    (tmp_path / "broken.db").write_bytes(b"not a database" * 100)
    ill = run("doctor", "--store", f"sqlite:///{tmp_path}/broken.db")
    assert ill.exit_code == 1
    assert "BAD" in ill.output
    assert "is not an SQLite database: name another file with --store" in ill.output


def test_schema_and_version() -> None:
    assert run("schema").output == Path("schema.graphql").read_text()
    assert run("--version").output == "lineal, version 0.1.0\n"


def test_the_installed_command(tmp_path: Path, store: str) -> None:
    command = Path(sys.executable).parent / "lineal"
    done = subprocess.run([command, "doctor", "--store", store], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    env = {**os.environ, "LINEAL_PORT": "x"}
    refused = subprocess.run([command, "serve", "--dev"], capture_output=True, text=True, check=False, env=env)
    assert refused.returncode == 1
    assert json.loads(refused.stderr)["event"] == "LINEAL_PORT is 'x': give a whole number from 0 to 65535"


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("sqlite:////nowhere/x.db", "the directory /nowhere does not exist: create it, or name another file"),
        ("gremlin://127.0.0.1:9", "no graph server can be reached (127.0.0.1:9: "),
    ],
)
def test_a_server_whose_store_cannot_be_opened_says_so_in_one_line(store: str, message: str) -> None:
    command = [sys.executable, "-m", "lineal", "serve", "--dev", "--port", "0", "--store", store]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["event"].startswith(message)
