"""`lineal account` and `lineal key`, and commands that ask a server as someone."""

import json
import re
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result
from keys import make_account, make_key
from server_process import serving

from lineal.cli import main


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lineal.db"


def test_accounts_are_registered_once_and_listed(store: str) -> None:
    assert run("account", "create", "ops", "--operator", "--store", store).output == (
        "account ops is registered as an operator\n"
    )
    assert run("account", "create", "acme", "--store", store).output == "account acme is registered\n"
    again = run("account", "create", "acme", "--store", store)
    assert (again.output, again.exit_code) == ("lineal: Account acme is registered already.\n", 1)
    lines = [line.split("\t") for line in run("account", "list", "--store", store).output.splitlines()]
    assert [(name, kind, by) for name, kind, _, by in lines] == [
        ("acme", "", "local/local"),
        ("ops", "operator", "local/local"),
    ]


def test_a_key_is_shown_once_and_only_its_id_after_that(store: str, tmp_path: Path) -> None:
    make_account(store, "acme")
    words = ("--role", "admin", "--role", "reader", "--permission", "read", "--expires", "2999-03-01")
    created = run("key", "create", "acme", "ci", "--store", store, *words)
    text = created.stdout.strip()
    assert re.fullmatch(r"lnl_[a-z2-7]{12}_[A-Za-z0-9_-]{43}", text)
    assert created.stderr == (
        "This key authenticates acme/ci, until 2999-03-01T00:00:00Z. It is not shown again: store it now.\n"
    )
    listed = run("key", "list", "--store", store).output
    id, principal, roles, limits, _, used, state = listed.rstrip("\n").split("\t")
    assert (id, principal, roles, limits, used) == (text[4:16], "acme/ci", "admin, reader", "READ", "")
    assert state == "usable until 2999-03-01T00:00:00Z"
    assert text[17:] not in listed
    assert not any(text[17:].encode() in file.read_bytes() for file in tmp_path.iterdir())


def test_keys_are_listed_by_account_and_revoked(store: str) -> None:
    for account in ("acme", "other"):
        make_account(store, account)
    key, other = make_key(store, "acme", "ci"), make_key(store, "other", "ci")
    assert run("key", "list", "--account", "other", "--store", store).output.split("\t")[0] == other[4:16]
    done = run("key", "revoke", key[4:16], "--store", store)
    assert done.output == f"key {key[4:16]} of acme/ci is revoked\n"
    assert run("key", "revoke", key, "--store", store).exit_code == 0
    states = [line.split("\t")[6] for line in run("key", "list", "--store", store).output.splitlines()]
    assert re.fullmatch(r"revoked \S+Z by local/local", states[0])
    assert states[1] == "usable"


@pytest.mark.parametrize(
    ("words", "message", "status"),
    [
        (("create", "nobody", "ci"), "There is no account nobody: it must be registered first.", 1),
        (("create", "acme", ""), "The key's name is empty", 1),
        (("create", "acme", "ci", "--role", ""), "A role's name is empty", 1),
        (("create", "acme", "ci", "--expires", "2020-01-01"), "would expire in the past: give a later time", 1),
        (("create", "acme", "ci", "--expires", "soon"), "--expires is 'soon': write a date, 2027-03-01, or a time", 2),
        (("create", "acme", "ci", "--expires", "2027-13-01"), "--expires is '2027-13-01': write a date", 2),
        (("create", "acme", "ci", "--permission", "FLY"), "'FLY' is not one of", 2),
        (("revoke", "abcdefghijkl"), "There is no API key abcdefghijkl that you may revoke.", 1),
    ],
)
def test_errors_say_what_is_wrong(store: str, words: tuple[str, ...], message: str, status: int) -> None:
    make_account(store, "acme")
    done = run("key", *words, "--store", store)
    assert message in done.output
    assert "Traceback" not in done.output
    assert done.exit_code == status


def test_the_store_is_read_from_the_settings(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_account(store, "acme")
    monkeypatch.setenv("LINEAL_STORE", store)
    assert run("account", "list").output.startswith("acme\t")
    monkeypatch.delenv("LINEAL_STORE")
    file = tmp_path / "lineal.toml"
    file.write_text(f"store = {json.dumps(store)}\n")
    assert run("account", "list", "--config", str(file)).output.startswith("acme\t")


def test_a_server_without_any_credentials_says_how_to_create_some(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = run("serve", "--store", store, "--port", "0")
    assert refused.exit_code == 1
    steps = re.findall(r"`lineal ([^`]+)`", refused.output)
    assert steps == [
        f"account create ACCOUNT --operator --store {store}",
        f"key create ACCOUNT NAME --role admin --store {store}",
    ]
    assert "set oidc_issuer and oidc_audience" in refused.output
    assert "start it with --dev" in refused.output
    for step in steps:
        assert run(*step.split()).exit_code == 0
    key = run("key", "list", "--store", store).output[:12]
    assert run("key", "revoke", key, "--store", store).exit_code == 0
    assert "holds no usable API key" in run("serve", "--store", store, "--port", "0").output
    monkeypatch.setenv("LINEAL_API_KEYS", "false")
    output = run("serve", "--store", store, "--port", "0").output
    assert "api_keys is false, and no issuer is set. Turn keys on, or set oidc_issuer and oidc_audience" in output


def test_commands_send_credentials_to_a_server(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_account(store, "acme")
    key = make_key(store, "acme", "ci", "--role", "admin")
    file = tmp_path / "lines.jsonl"
    file.write_text('{"entity": {"key": "d", "kind": "DATASET", "name": "d"}}\n')
    with serving(store, tmp_path, token=key) as server:
        ingest = ("ingest", str(file), "--url", server.url)
        asking = ("descendants", "lineal:acme:DATASET:d", "--url", server.url)
        missing = "lineal: the server requires authentication: put a token or an API key into LINEAL_TOKEN\n"
        for words in (ingest, asking):
            assert run(*words).output == missing
        monkeypatch.setenv("LINEAL_TOKEN", "lnl_wrong")
        wrong = "lineal: the server rejects the credential in LINEAL_TOKEN: get a new token or API key\n"
        for words in (ingest, asking):
            assert run(*words).output == wrong
        monkeypatch.setenv("LINEAL_TOKEN", key)
        assert run(*ingest).output == "1 recorded, 0 already there, 0 bad\n"
        assert run(*asking).output == "0 of 0 descendants of lineal:acme:DATASET:d\n"


def test_doctor_checks_the_issuer(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAL_OIDC_ISSUER", "https://issuer.example")
    report = run("doctor", "--store", store)
    assert report.exit_code == 1
    assert "BAD  oidc_audience is missing" in report.output


def test_the_audit_log_is_verified(store: str, tmp_path: Path) -> None:
    run("ingest", "-", "--store", store)
    assert run("audit", "verify", "--store", store).output == "the audit log is empty\n"
    for name in ("acme", "bank"):
        make_account(store, name)
    key = make_key(store, "acme", "ci")
    assert key
    verified = run("audit", "verify", "--store", store)
    assert (verified.exit_code, verified.stderr) == (0, "")
    last = re.fullmatch(r"3 records verified; the digest of the last is ([0-9a-f]{64})\n", verified.output)
    assert last
    for change, problem in (
        ("UPDATE audit SET principal = 'acme/eve' WHERE sequence = 2", "record 2 does not match its digest"),
        ("DELETE FROM audit WHERE sequence = 2", "record 3 does not follow the record before it"),
        ("DELETE FROM audit WHERE sequence = 1", "the log begins with record 2: the records before it were deleted"),
    ):
        copy = tmp_path / "copy.db"
        copy.unlink(missing_ok=True)
        connection = apsw.Connection(f"{tmp_path}/lineal.db")
        connection.execute("VACUUM INTO ?", (str(copy),))
        forged = apsw.Connection(str(copy))
        forged.execute("DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete")
        forged.execute(change)
        for each in (connection, forged):
            each.close()
        verification = run("audit", "verify", "--store", f"sqlite:///{copy}")
        assert verification.exit_code == 1
        assert problem in verification.stderr
