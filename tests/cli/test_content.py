"""`lineal put` and `lineal get` through a server."""

import hashlib
import os
from pathlib import Path

from click.testing import CliRunner, Result
from server_process import Server, serving

from lineal.cli import main


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def put(server: Server, file: Path, *words: str) -> Result:
    return run("put", str(file), "--url", server.url, *words)


def test_a_file_is_put_and_got_back(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    file = tmp_path / "plot.png"
    file.write_bytes(content)
    version = hashlib.sha256(content).hexdigest()
    with serving(f"sqlite:///{tmp_path}/lineal.db", tmp_path) as server:
        record = (
            'mutation { lineageRecord(input: {entities: [{kind: TRAINING_JOB, name: "j"}]}) { userErrors { code } } }'
        )
        server.ask(record)
        job = "lineal:local:TRAINING_JOB:j"
        done = put(server, file, "--kind", "report", "--produced-by", job)
        urn = f"lineal:local:REPORT:plot.png@{version}"
        assert (done.exit_code, done.stdout) == (0, f"{urn}\n"), done.output
        again = put(server, file, "--kind", "report", "--produced-by", job)
        assert (again.exit_code, again.stdout) == (0, f"{urn}\n"), "the same again changes nothing"
        shown = server.ask("query ($u: String!) { entity(urn: $u) { content { mediaType bytes fileName } "
                           "ascendants { nodes { urn } } } }", u=urn)["entity"]  # fmt: skip
        assert shown["content"] == {"mediaType": "image/png", "bytes": "3000000", "fileName": "plot.png"}
        assert shown["ascendants"]["nodes"] == [{"urn": job}]

        output = tmp_path / "out.png"
        got = run("get", urn, "--output", str(output), "--url", server.url)
        assert (got.exit_code, output.read_bytes() == content) == (0, True), got.output
        kept = run("get", urn, "--output", str(output), "--url", server.url)
        assert (kept.exit_code, kept.stderr) == (1, f"lineal: {output} exists: name another file with --output\n")
        printed = run("get", urn, "--output", "-", "--url", server.url)
        assert printed.stdout_bytes == content
        assert not list(tmp_path.glob(".*.part"))

        mistyped = run("get", urn[:-1] + "x", "--url", server.url)
        assert mistyped.exit_code == 1
        assert "is not recorded, or you may not read it" in mistyped.stderr
        without = run("get", job, "--url", server.url)
        assert without.stderr == (
            f"lineal: the server keeps no content of {job}: its source says where the content lies\n"
        )

        (stored,) = [path for path in tmp_path.rglob(version) if path.is_file()]
        stored.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        damaged = run("get", urn, "--output", str(tmp_path / "damaged"), "--url", server.url)
        assert damaged.exit_code == 1
        assert not (tmp_path / "damaged").exists(), "what arrived in part is not left under the name"


def test_bad_words_say_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("x")
    wrong = run("put", str(file), "--kind", "picture")
    assert wrong.exit_code == 2
    assert "picture is no kind; the kinds are: EXPERIMENT, TRIAL," in wrong.stderr
    nowhere = run("put", str(file), "--url", "http://127.0.0.1:9")
    assert nowhere.exit_code == 1
    assert nowhere.stderr.startswith("lineal: ")
    assert run("put", str(tmp_path / "absent")).exit_code == 2
