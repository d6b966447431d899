"""Files that `lineal export` wrote before URNs kept their colons and slashes are ingested as they are."""

import json
from pathlib import Path

from click.testing import CliRunner

from lineal.cli import main

OLD = Path(__file__).parent / "data" / "export_with_encoded_urns.jsonl"
PARTS = 8


def test_an_export_of_the_version_before_is_ingested(tmp_path: Path) -> None:
    store = ("--store", f"sqlite:///{tmp_path}/new.db")
    runner = CliRunner()
    done = runner.invoke(main, ["ingest", str(OLD), *store])
    assert done.output == f"{PARTS} recorded, 0 already there, 0 bad\n"
    lines = runner.invoke(main, ["export", *store]).stdout.splitlines()
    old, new = ([json.loads(line) for line in text] for text in (OLD.read_text().splitlines(), lines))
    urns = {_identity(row["entity"]): row["entity"].pop("key") for row in new if "entity" in row}
    renamed = {row["entity"].pop("key"): urns[_identity(row["entity"])] for row in old if "entity" in row}
    for row in old:
        for part in row.values():
            for field in ("source", "destination", "entity", "supersededBy"):
                if isinstance(part.get(field), str):
                    part[field] = renamed[part[field]]
    assert len(new) == PARTS
    assert sorted(old, key=json.dumps) == sorted(new, key=json.dumps)


def _identity(entity: dict[str, str]) -> tuple[str | None, ...]:
    return tuple(entity.get(field) for field in ("account", "kind", "name", "version"))
