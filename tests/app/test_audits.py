"""GraphQL over HTTP, as judged by the audits of npm's graphql-http."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from node import NODE, npm_ci
from server_process import Server

AUDITS = Path(__file__).parent / "audits"


@pytest.mark.slow
def test_all_audits_pass(server: Server, tmp_path: Path) -> None:
    for name in ("package.json", "package-lock.json", ".npmrc", "audit.mjs"):
        shutil.copy(AUDITS / name, tmp_path)
    npm_ci(tmp_path)
    ran = subprocess.run(
        [NODE, "audit.mjs", f"{server.url}/graphql"], cwd=tmp_path, check=True, capture_output=True, timeout=120
    )
    results = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(results) == 61
    assert [result for result in results if result["status"] != "ok"] == []
