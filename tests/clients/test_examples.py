"""The example clients: generated from the committed schema, type-checked, and run against a real server."""

from pathlib import Path
from typing import Any

import pytest
from client_tools import build_python, build_typescript, run_python, run_typescript
from server_process import serving

pytestmark = pytest.mark.slow
READ: dict[str, Any] = {
    "newEntities": [29, 29],
    "refused": [{"code": "NOT_FOUND", "path": ["input", "associations", "0", "source"]}],
    "pages": [10, 10, 6],
    "distances": [1, 2],
    "models": 25,
    "newObservations": 4,
    "varying": ["learning_rate"],
    "best": "a",
    "nanCounts": [0, 1],
    "statuses": ["COMPLETED", "IN_PROGRESS"],
    "absent": None,
}
"""What both examples read."""


def test_the_typescript_client(tmp_path: Path) -> None:
    build_typescript()
    with serving("memory:", tmp_path) as server:
        read = run_typescript(server.url)
    # Two objects, one for each moment, and the statuses again from the cache alone.
    cached = {"statuses": ["COMPLETED", "IN_PROGRESS"] * 2, "objects": 2}
    assert read == {
        **READ,
        "codes": ["BAD_USER_INPUT"],
        "last": [0.25, "NaN"],
        "moments": ["object", "string"],
        "rowsAreExact": True,
        "apollo": cached,
        "relay": cached,
    }


def test_the_python_client(tmp_path: Path) -> None:
    build_python()
    with serving("memory:", tmp_path) as server:
        read = run_python(server.url)
    assert read == {
        **READ,
        "codes": ["LIMIT_EXCEEDED"],
        "last": ["0.25", "nan"],
        "moments": [True, False],
        "rows": [2**53 + 1] * 2,
    }
