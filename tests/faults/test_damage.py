"""Damaged stores: `lineal verify` finds every damage that an export would show, and a read fails plainly or not at all.

Copies of one store are damaged at random: bytes overwritten, pages zeroed, rows changed, added or deleted by SQL.
"""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result
from hypothesis import settings

from lineal.auth.scopes import EVERYTHING
from lineal.capture.native import line_of
from lineal.cli import main
from lineal.commands.auditing import LogVerification
from lineal.graphstore.batches import NewEntity
from lineal.graphstore.errors import StoreError
from lineal.graphstore.kinds import EntityKind, LineageDirection
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import (
    AssociationsOf,
    EntityFilter,
    Find,
    HistoryOf,
    MetricsOf,
    Reach,
    StringFilter,
    Walk,
)
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id, make_urn

COPIES = 27 if settings.get_current_profile_name() == "default" else 400
DATASETS = 40
NAMES = [f"lineal:local:DATASET:data-{number}" for number in range(DATASETS)]
UNTOLD = {"secret", "idempotency", "key_use"}
"""Tables of which an altered row is not told from another: none of them is lineage, access or a log."""


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with records of every kind, groups, and an audit log, whose log is checkpointed."""
    folder = tmp_path_factory.mktemp("sound")
    path, file = folder / "lineal.db", folder / "lines.jsonl"
    lines: list[object] = []
    for number, urn in enumerate(NAMES):
        properties = {"rows": number, "note": f"text of {number}", "share": number / 7, "tree": {"a": [number, None]}}
        source = {"uri": f"s3://lake/{number}", "ids": [{"type": "SHA256", "value": f"{number:064x}"}]}
        entity = {"key": urn, "kind": "DATASET", "name": f"data-{number}", "properties": properties, "source": source}
        lines.append({"entity": {**entity, "tags": ["gold"], "description": "d" * number, "title": f"Data {number}"}})
        if number:
            association = {"source": NAMES[number - 1], "destination": urn, "type": "CONTRIBUTED_TO", "role": "train"}
            lines.append({"association": {**association, "properties": {"weight": number}}})
        revision = {"entity": urn, "status": "COMPLETED", "occurredAt": "2026-03-01T00:00:00Z", "tags": ["x"]}
        lines.append({"revision": {**revision, "properties": {"late": number}, "removed": ["note"], "rank": 2}})
        lines.append({"revision": {"entity": urn, "occurredAt": "2025-03-01T00:00:00Z", "title": "Old"}})
        for step in range(3):
            lines.append({"observation": {"entity": urn, "metric": "loss", "step": step, "value": step / 3}})
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    store = f"sqlite:///{path}"
    for words in (("ingest", str(file)), ("account", "create", "acme"), ("key", "create", "acme", "ci")):
        done = run(*words, "--store", store)
        assert done.exit_code == 0, done.output
    assert not Path(f"{path}-wal").exists()
    return path


async def verified(store: Store) -> list[str]:
    """What a verification finds."""
    problems = [problem async for step in store.verify() for problem in step.problems]
    log = LogVerification()
    try:
        async for _ in log.run(store):
            pass
    except StoreError as error:
        problems.append(str(error))
    return problems + ([] if log.problem is None else [log.problem])


async def exported(store: Store) -> bytes:
    view = View(EVERYTHING, AsOf(await store.watermark()))
    return b"".join([line_of(part, urn_of) + b"\n" async for part in store.export(view)])


def urn_of(entity: NewEntity) -> str:
    return make_urn(entity.account, entity.kind, entity.name, entity.version)


async def ask_everything(store: Store) -> None:
    """Read in every way; each may raise a StoreError and nothing else."""
    view = View(EVERYTHING, AsOf(await store.watermark()))
    ids = [entity_id(urn) for urn in NAMES]
    named = EntityFilter(name=StringFilter(contains="ata-1"))
    for ask in (
        lambda: store.entities(view, ids),
        lambda: store.entities(view, ids[:3]),
        lambda: store.find([Find(view), Find(view, where=named), Find(view, search="gold")]),
        lambda: store.associations([AssociationsOf(view, id) for id in ids]),
        lambda: store.history([HistoryOf(view, id) for id in ids]),
        lambda: store.metrics([MetricsOf(view, id) for id in ids]),
        lambda: store.reach([Reach(Walk(view, (ids[0],), LineageDirection.DESCENDANTS), with_paths=True)]),
        lambda: store.access_since(0),
        lambda: store.entity_groups(ids),
        store.ready,
    ):
        with suppress(StoreError):
            await ask()


def overwrite_bytes(path: Path, draw: random.Random) -> str:
    content = bytearray(path.read_bytes())
    count, start = draw.choice([1, 1, 4, 64]), draw.randrange(len(content))
    content[start : start + count] = draw.randbytes(min(count, len(content) - start))
    path.write_bytes(content)
    return f"{count} bytes at {start}"


def zero_a_page(path: Path, draw: random.Random) -> str:
    content = bytearray(path.read_bytes())
    page = draw.randrange(len(content) // 4096)
    content[page * 4096 : (page + 1) * 4096] = bytes(4096)
    path.write_bytes(content)
    return f"page {page}"


def change_a_row(path: Path, draw: random.Random) -> str:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        shadow = {name for (name,) in connection.execute("SELECT name FROM pragma_table_list WHERE type <> 'table'")}
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        filled = [
            table
            for table in sorted(tables - shadow - UNTOLD)
            if connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()[0]
        ]
        table = draw.choice(filled)
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()
        row = draw.choice(rows)
        where = " AND ".join(f"{column} IS ?" for column in columns)
        number = draw.randrange(len(columns))
        changed: object = 7
        match row[number]:
            case int() | float() as value:
                changed = value + draw.choice([-1, 1, 64, 1000])
            case str() as value:
                changed = value + "x" if draw.random() < 0.5 else value[:-1] + "~"
            case bytes() as value:
                changed = value[:-1] + bytes([value[-1] ^ 1]) if value else b"x"
        what = draw.choice(["DELETE", "UPDATE", "UPDATE", "UPDATE"])
        try:
            if what == "DELETE":
                connection.execute(f"DELETE FROM {table} WHERE {where}", row)
            else:
                connection.execute(f"UPDATE {table} SET {columns[number]} = ? WHERE {where}", (changed, *row))
        except sqlite3.IntegrityError:
            what = "no"
        for _, statement in triggers:
            connection.execute(statement)
        return f"{what} {table}.{columns[number]} of {row}"
    finally:
        connection.close()


@pytest.mark.parametrize("damage", [overwrite_bytes, zero_a_page, change_a_row])
async def test_verify_finds_every_damage_that_shows(
    sound: Path, tmp_path: Path, damage: Callable[[Path, random.Random], str]
) -> None:
    async with await open_store(f"sqlite:///{sound}") as store:
        expected = await exported(store)
        assert await verified(store) == []
    found = 0
    for seed in range(COPIES):
        path = tmp_path / f"{seed}.db"
        shutil.copy(sound, path)
        what = f"{damage.__name__} {seed}: {damage(path, random.Random(seed))}"
        try:
            store = await open_store(f"sqlite:///{path}", creates=False)
        except StoreError:
            found += 1
            continue
        async with store:
            problems = await verified(store)
            found += bool(problems)
            try:
                export: bytes | None = await exported(store)
            except StoreError:
                export = None
            assert problems or export == expected, what
            if damage is change_a_row and ": no " not in what and ": DELETE audit" not in what:
                assert problems, what  # of the audit log, the newest record may be missing
            await ask_everything(store)
        path.unlink()
    assert found > COPIES / 5


def test_what_no_digest_covers_is_found(sound: Path, tmp_path: Path) -> None:
    for statement, message in (
        ("UPDATE entity_content SET source_uri = 's3://evil/0' WHERE source_uri = 's3://lake/0'", "match its digest"),
        ("UPDATE observation SET value = value + 1", "not those that the batches recorded"),
        ("DELETE FROM observation WHERE step = 2", "not those that the batches recorded"),
        ("DELETE FROM revision WHERE sequence = 2", "earliest time"),
        ("UPDATE revision SET rank = 0", "what is shown"),
        ("UPDATE entity SET recorded_by = 'someone'", "of no batch of its recorder"),
        ("UPDATE revised_fields SET fields = replace(fields, 'COMPLETED', 'FAILED')", "what is shown"),
        ("DELETE FROM entity WHERE urn LIKE '%data-39'", "lacks an entity"),
        ("UPDATE access_document SET content = replace(content, 'acme', 'evil')", "some were changed"),
        ("DELETE FROM revised", "search index"),
        ("INSERT INTO property_key VALUES ('sham', 3, 1, 1)", "property key 'sham'"),
        ("UPDATE audit SET action = 'other'", "the log was changed"),
        ("DROP INDEX entity_by_kind", "index entity_by_kind is not as Lineal makes it"),
    ):
        path = tmp_path / "lineal.db"
        shutil.copy(sound, path)
        connection = sqlite3.connect(path, isolation_level=None)
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        for _, text in triggers:
            connection.execute(text)
        connection.close()
        done = run("verify", "--store", f"sqlite:///{path}")
        assert (done.exit_code, message in done.output) == (1, True), (statement, done.output)
        assert "restore a backup" in done.output
        if "audit" not in statement:
            file = tmp_path / "out.jsonl"
            refused = run("export", str(file), "--store", f"sqlite:///{path}")
            assert (refused.exit_code, file.exists()) == (1, False), statement
        path.unlink()


def test_a_small_read_does_not_serve_an_altered_record(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "lineal.db"
    shutil.copy(sound, path)
    with apsw.Connection(str(path)) as connection:
        connection.execute("DROP TRIGGER entity_content_no_update; DROP TRIGGER association_content_no_update")
        connection.execute("UPDATE entity_content SET source_uri = 's3://evil/0' WHERE source_uri = 's3://lake/0'")
        connection.execute("""UPDATE association_content SET properties = '[["weight","i",9]]'""")
        for table in ("entity_content", "association_content"):
            refusal = "BEGIN SELECT RAISE(ABORT, 'nothing recorded is ever changed'); END"
            connection.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refusal}")
    connection.close()
    for words in (("ascendants", NAMES[1], "--depth", "1"), ("search", "0", "--first", "3")):
        done = run(*words, "--store", f"sqlite:///{path}")
        assert (done.exit_code, "a record does not match its digest" in done.output) == (1, True), (words, done.output)
    doctor = run("doctor", "--store", f"sqlite:///{path}")
    assert doctor.exit_code == 1
    assert "does not match its digest" in doctor.output
    assert "run `lineal verify`, and restore a backup" in doctor.output


def test_a_sound_store_is_verified(sound: Path) -> None:
    done = run("verify", "--store", f"sqlite:///{sound}")
    assert (done.exit_code, done.output.endswith("records verified, nothing is wrong\n")) == (0, True), done.output
    doctor = run("doctor", "--store", f"sqlite:///{sound}").output
    assert "records matches its digests; `lineal verify` checks all of them" in doctor
    assert EntityKind.DATASET in run("search", "data", "--store", f"sqlite:///{sound}").output
