"""One real server for the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("server")
    with serving(f"sqlite:///{folder}/lineal.db", folder) as running:
        yield running
