"""`lineal compare`: a sweep side by side, in a terminal, in a pipe and as JSON, on a store and through a server."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from server_process import serving

from lineal.cli import main

EXPERIMENT = "lineal:local:EXPERIMENT:sweep"
HOSTILE = "[red]\x1b[31m\tü\n"


def run(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(main, words, env=environment)


def trial(name: object) -> str:
    return f"lineal:local:TRIAL:t{name}"


def recorded(store: str, folder: Path, *lines: dict[str, Any]) -> None:
    file = folder / "lines.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    done = run("ingest", str(file), "--store", store)
    assert done.exit_code == 0, done.output


def entity(kind: str, name: str, **properties: Any) -> dict[str, Any]:
    return {"entity": {"kind": kind, "name": name, "occurredAt": "2026-03-01T00:00:00Z", "properties": properties}}


def sweep(count: int) -> list[dict[str, Any]]:
    lines = [entity("EXPERIMENT", "sweep")]
    for number in range(count):
        lines.append(entity("TRIAL", f"t{number}", lr=0.1 * number, optimizer="adam", label="1", deep={"layers": 3}))
        tie = {"source": EXPERIMENT, "destination": trial(number), "type": "ASSOCIATED_WITH"}
        lines.append({"association": {**tie, "occurredAt": "2026-03-01T00:00:00Z"}})
        for step, value in enumerate([0.9, abs(number - 2) / 10]):
            point = {"metric": "loss", "step": step, "value": value, "occurredAt": "2026-03-02T00:00:00Z"}
            lines.append({"observation": {"entity": trial(number), **point}})
    return lines


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with a sweep of four trials."""
    url = f"sqlite:///{tmp_path}/lineal.db"
    recorded(url, tmp_path, *sweep(4))
    return url


def test_lines_of_a_sweep(store: str) -> None:
    expected = [
        "urn\tmetrics.loss\tlr",
        f"{trial(0)}\t0.2\t0.0",
        f"{trial(1)}\t0.1\t0.1",
        f"{trial(2)}\t0.0\t0.2",
        f"{trial(3)}\t0.1\t0.30000000000000004",
    ]
    message = "4 compared; parameters that vary: 1, held constant: 3, which --all shows"
    for named in (("--experiment", EXPERIMENT), tuple(map(trial, range(4)))):
        assert run("compare", *named, "--store", store).output.splitlines() == [*expected, message]
    inputs = run("compare", trial(3), trial(0), trial(3), "--store", store).output.splitlines()
    assert inputs[1:3] == [expected[4], expected[1]], "in the order they are given, each once"
    whole = run("compare", "--experiment", EXPERIMENT, "--all", "--store", store).output.splitlines()
    assert whole[0] == "urn\tmetrics.loss\tlr\tdeep.layers\tlabel\toptimizer"
    assert whole[1] == f'{trial(0)}\t0.2\t0.0\t3\t"1"\tadam'
    assert whole[-1] == "4 compared; parameters that vary: 1, held constant: 3"


@pytest.mark.parametrize(
    ("goal", "by", "order", "title"),
    [
        ("min", "last", [2, 1, 3, 0], "metrics.loss"),
        ("max", "last", [0, 1, 3, 2], "metrics.loss"),
        ("max", "max", [0, 1, 2, 3], "metrics.loss (max)"),
        ("min", "min", [2, 1, 3, 0], "metrics.loss (min)"),
    ],
)
def test_the_best_first(store: str, tmp_path: Path, goal: str, by: str, order: list[int], title: str) -> None:
    recorded(store, tmp_path, entity("TRIAL", "t9", **{"metrics.auc": 0.5}))
    words = ("compare", trial(9), *map(trial, range(4)), "--metric", "loss", "--goal", goal, "--by", by)
    lines = run(*words, "--store", store).output.splitlines()
    assert lines[0].split("\t")[1] == title
    assert [line.split("\t")[0] for line in lines[1:6]] == [trial(each) for each in (*order, 9)], "last what has none"
    shown = json.loads(run(*words, "--json", "--store", store).output)
    assert shown["best"] == trial(order[0])
    marked = [line for line in map(str.strip, terminal(*words, "--store", store, width=200)) if line.startswith("* ")]
    assert [line.split()[1] for line in marked] == [f"t{order[0]}"]


def test_nan_is_shown_and_never_the_best(store: str, tmp_path: Path) -> None:
    points = [{"entity": trial(number), "metric": "f1"} for number in range(4)]
    values = ["NaN", 0.5, "Infinity", "-Infinity"]
    lines = [{"observation": {**point, "value": value}} for point, value in zip(points, values, strict=True)]
    recorded(store, tmp_path, *lines)
    for goal, order in (("min", [3, 1, 2, 0]), ("max", [2, 1, 3, 0])):
        words = ("compare", *map(trial, range(4)), "--metric", "f1", "--goal", goal, "--store", store)
        shown = [line.split("\t")[:2] for line in run(*words).output.splitlines()[1:5]]
        assert shown == [[trial(each), str(values[each])] for each in order]
    recorded(store, tmp_path, *({"observation": {**point, "metric": "lost", "value": "NaN"}} for point in points))
    words = ("compare", trial(0), trial(1), "--metric", "lost", "--goal", "min", "--store", store)
    assert [line.split("\t")[1] for line in run(*words).output.splitlines()[1:3]] == ["NaN", "NaN"]
    shown = json.loads(run(*words, "--json").output)
    assert shown["best"] is None
    (lost,) = (each for each in shown["metrics"] if each["name"] == "lost")
    assert lost["cells"][0]["metrics"] == [
        {"last": "NaN", "min": None, "max": None, "count": 1, "nanCount": 1, "from": {"urn": trial(0)}},
    ]


def test_one_json_object(store: str) -> None:
    shown = json.loads(run("compare", trial(1), trial(0), "--json", "--store", store).output)
    assert shown["entities"][0] == {"urn": trial(1), "name": "t1", "version": None}
    assert [each["key"] for each in shown["parameters"] if each["isVarying"]] == ["lr"]
    (loss,) = shown["metrics"]
    assert loss["cells"][0]["metrics"] == [
        {"last": 0.1, "min": 0.1, "max": 0.9, "count": 2, "nanCount": 0, "from": {"urn": trial(1)}},
    ]
    assert shown["best"] is None


def terminal(*words: str, width: int) -> list[str]:
    done = run(*words, FORCE_COLOR="1", NO_COLOR="1", COLUMNS=str(width), TERM="xterm")
    assert done.exit_code == 0, done.output
    lines = re.sub(r"\x1b\[[0-9;]*m", "", done.output).splitlines()
    assert max(map(len, lines[:-1])) <= width
    return lines


def test_a_table_in_a_terminal(store: str) -> None:
    words = ("compare", "--experiment", EXPERIMENT, "--metric", "loss", "--goal", "min", "--all", "--store", store)
    lines = [line.split() for line in terminal(*words, width=100)]
    assert lines[0] == ["of", "metrics.loss", "lr"]
    assert lines[1] == ["*", "t2", "0.0", "0.2"]
    assert lines[2] == ["t1", "0.1", "0.1"]
    assert ["held", "constant", "value"] in lines
    assert ["label", '"1"'] in lines


def test_wide_tables_are_cut_into_several(store: str, tmp_path: Path) -> None:
    many = [entity("TRIAL", f"w{n}", **{f"parameter_{m:02}": n * m for m in range(1, 20)}) for n in (1, 2)]
    recorded(store, tmp_path, *many)
    urns = [f"lineal:local:TRIAL:w{n}" for n in (1, 2)]
    lines = terminal("compare", *urns, "--store", store, width=60)
    heads = [line.split() for line in lines if line.split()[:1] == ["of"]]
    assert len(heads) > 3
    assert [title for head in heads for title in head[1:]] == [f"parameter_{m:02}" for m in range(1, 20)]
    assert sum(line.split()[0] == "w2" for line in lines) == len(heads), "each begins with what it is of"


def test_equal_names_are_distinguished_and_control_characters_escaped(store: str, tmp_path: Path) -> None:
    twins = [{"entity": {"kind": "TRIAL", "name": "twin", "account": account}} for account in ("local", "other")]
    recorded(store, tmp_path, *twins, entity("TRIAL", "t8", **{HOSTILE: HOSTILE, "metrics.[b]": 1}))
    urns = [f"lineal:{account}:TRIAL:twin" for account in ("local", "other")]
    lines = terminal("compare", *urns, trial(8), "--store", store, width=200)
    assert "[red]\\x1b[31m\\tü\\n" in lines[0]
    assert "metrics.[b]" in lines[0]
    assert [line.split()[0] for line in lines[1:4]] == [*urns, "t8"]
    piped = run("compare", urns[0], trial(8), "--store", store).output
    assert "\x1b" not in piped
    assert [line.count("\t") for line in piped.splitlines()] == [2, 2, 2, 0]


@pytest.mark.parametrize(
    ("words", "message", "status"),
    [
        ((), "give the URNs of 2 to 100 entities, or an --experiment", 2),
        ((trial(1), "--experiment", EXPERIMENT), "give the URNs of 2 to 100 entities, or an --experiment", 2),
        ((trial(1),), "1 to compare: give the URNs of 2 to 100 entities", 2),
        ((trial(1), trial(1)), "1 to compare", 2),
        (tuple(map(trial, range(101))), "101 to compare", 2),
        ((trial(1), trial(2), "--metric", "loss"), "--metric and --goal go together", 2),
        ((trial(1), trial(2), "--goal", "min"), "--metric and --goal go together", 2),
        ((trial(1), trial(2), "--goal", "up"), "is not one of 'min', 'max'", 2),
        ((trial(1), trial(2), "--only-in", "lr"), "--only-in and --from go together", 2),
        (
            (trial(1), trial(2), "--only-in", "rate", "--from", trial(1)),
            "none of the compared entities has the parameter rate; those that vary are: lr",
            1,
        ),
        (
            (trial(1), trial(2), "--only-in", "lr", "--from", trial(3)),
            "differingOnlyIn.from is not among the compared entities",
            1,
        ),
        ((trial(1), trial(2), "--as-of", "soon"), "--as-of is 'soon': write a date", 2),
        ((trial(1), trial(77), trial(78)), f"not recorded here: {trial(77)}, {trial(78)}. Check the URNs", 1),
        (
            (trial(1), trial(2), "--occurred-by", "2020-01-01"),
            f"not recorded here, occurred by 2020-01-01T00:00:00.000000Z: {trial(1)}, {trial(2)}. Check the URNs",
            1,
        ),
        (
            (trial(1), trial(2), "--metric", "no", "--goal", "min"),
            "none of these entities has the metric no; their metrics are: loss",
            1,
        ),
        (("--experiment", trial(1)), f"experiment is {trial(1)}, of the kind TRIAL: give an EXPERIMENT", 1),
        (("--experiment", "no"), "'no' is no URN: write lineal:ACCOUNT:KIND:NAME", 1),
        (("--experiment", "lineal:local:EXPERIMENT:lone"), "has 0 trials; it takes 2 to compare", 1),
    ],
)
def test_errors_say_what_is_wrong(
    store: str, tmp_path: Path, words: tuple[str, ...], message: str, status: int
) -> None:
    recorded(store, tmp_path, entity("EXPERIMENT", "lone"))
    done = run("compare", *words, "--store", store)
    assert message in done.output
    assert "Traceback" not in done.output
    assert done.exit_code == status


def test_as_of_a_time(store: str) -> None:
    lines = run("compare", trial(1), trial(2), "--occurred-by", "2026-03-01", "--store", store).output.splitlines()
    assert lines[0] == "urn\tlr"
    assert lines[-1].endswith("which --all shows, occurred by 2026-03-01T00:00:00.000000Z")
    shown = json.loads(
        run("compare", trial(1), trial(2), "--occurred-by", "2026-03-01", "--json", "--store", store).output
    )
    assert (shown["metrics"], shown["asOf"]) == ([], {"occurredAt": "2026-03-01T00:00:00.000000Z"})


def test_hundreds_of_trials_through_a_server(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/hundreds.db"
    recorded(store, tmp_path, *sweep(300))
    words = ("compare", "--experiment", EXPERIMENT, "--metric", "loss", "--goal", "min")
    with serving(store, tmp_path) as server:
        lines = run(*words, "--url", server.url).output.splitlines()
        assert (len(lines), lines[1].split("\t")[0]) == (302, trial(2))
        assert lines[-1].startswith("300 compared; ")
        recorded(store, tmp_path, *sweep(302))
        lines = run(*words, "--url", server.url).output.splitlines()
        assert (len(lines), lines[-1].partition(";")[0]) == (302, "the first 300 of 302 trials compared, by URN")


def test_only_those_that_differ_in_one_parameter(store: str, tmp_path: Path) -> None:
    other = entity("TRIAL", "t9", lr=0.7, optimizer="sgd", label="1", deep={"layers": 3})
    tie = {"source": EXPERIMENT, "destination": trial(9), "type": "ASSOCIATED_WITH"}
    recorded(store, tmp_path, other, {"association": {**tie, "occurredAt": "2026-03-01T00:00:00Z"}})
    words = ("compare", "--experiment", EXPERIMENT, "--only-in", "lr", "--from", trial(1), "--store", store)
    lines = run(*words).output.splitlines()
    assert [line.split("\t")[0] for line in lines[1:-1]] == [trial(each) for each in range(4)]
    shown = json.loads(run(*words, "--json").output)
    assert [cell["of"]["urn"] for cell in shown["differingOnlyIn"]] == [trial(0), trial(2), trial(3)]


def test_observations_are_ingested_through_a_server(store: str, tmp_path: Path) -> None:
    file, there = tmp_path / "all.jsonl", f"sqlite:///{tmp_path}/there.db"
    assert run("export", "--store", store, str(file)).exit_code == 0
    with serving(there, tmp_path) as server:
        for told in ("17 recorded, 0 already there", "0 recorded, 17 already there"):
            done = run("ingest", str(file), "--url", server.url)
            assert (done.exit_code, told in done.output) == (0, True), done.output
        point = {"entity": trial(1), "metric": "loss", "step": 5, "value": 7}
        points = [{**point, "entity": trial(99)}, point]
        bad = tmp_path / "bad.jsonl"
        bad.write_text("\n".join(json.dumps({"observation": point}) for point in points))
        done = run("ingest", str(bad), "--url", server.url)
        assert done.exit_code == 1
        assert f"{trial(99)} is not recorded" in done.output
    lines = run("compare", trial(0), trial(1), "--store", there).output.splitlines()
    assert [line.split("\t")[1] for line in lines[1:3]] == ["0.2", "7.0"], "the good line is kept"
