"""Whether a process is known to be gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lineal.graphstore.gremlin import process_identity
from lineal.graphstore.gremlin.process_identity import has_ended, this_process

SAYS = "from lineal.graphstore.gremlin.process_identity import this_process; print(this_process(), flush=True); input()"


def test_a_process_that_lives_and_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SAYS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        assert name != this_process()
        assert not has_ended(name)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert has_ended(name)  # though its parent has not asked for its end yet
    assert has_ended(name)


def test_this_process_and_others_with_its_number() -> None:
    machine, number, began = this_process().rsplit(" ", 2)
    assert not has_ended(this_process())
    assert has_ended(f"{machine} {number} {int(began) + 1}")
    assert not has_ended(f"another {machine} {number} {int(began) + 1}")


@pytest.mark.parametrize("name", ["", "x", "a b c", "a b 1 c d"])
def test_names_of_processes_on_other_machines(name: str) -> None:
    assert not has_ended(name)


def test_systems_without_process_start_times(monkeypatch: pytest.MonkeyPatch) -> None:
    name = this_process()
    monkeypatch.setattr(process_identity, "_PROC", Path("/nowhere"))
    assert this_process.__wrapped__() == ""
    assert not has_ended(name)
