"""Power loss: every disk that a trace of writes allows at the moment of a loss opens, whole, with all acknowledged.

The controls, of which the store's promise is taken by another `synchronous`, must fail: else this finds nothing.
"""

import shutil
from collections import Counter
from pathlib import Path
from time import monotonic

import apsw
import power_loss_workload as workload
import pytest
from numbered_writes import Damaged, may_be_lost, numbers_in
from power_loss import Event, events, states, trace
from torture import chance, rounds

from lineal.graphstore.embedded.sql.connections import FULL, NORMAL
from lineal.graphstore.embedded.sql.database import Database
from lineal.graphstore.errors import StoreUnusable

pytestmark = pytest.mark.faults

OFF = 0
WRITES = 36
STATES_A_ROUND = 500


def fault_in(folder: Path, files: dict[str, bytes], acknowledged: set[int]) -> str | None:
    """What is wrong with a disk after a power loss: corrupt, lost or partial; None where nothing is."""
    for old in folder.iterdir():
        old.unlink()
    for path, content in files.items():
        (folder / Path(path).name).write_bytes(content)
    try:
        database = Database(str(folder / "lineal.db"))
        try:
            found = numbers_in(database)
        finally:
            database.close()
    except Damaged as damage:
        return "corrupt" if "corrupt" in str(damage) else "partial"
    except (apsw.Error, StoreUnusable):
        return "corrupt"
    return "lost" if {number for number in acknowledged if not may_be_lost(number)} - found else None


def traced_writes(folder: Path, synchronous: int) -> list[Event]:
    """What a process that writes to a store in a folder does to the disk."""
    database, acks, log = folder / "lineal.db", folder / "acks", folder / "trace"
    trace(log, [str(Path(workload.__file__)), str(database), str(acks), str(synchronous), str(WRITES)])
    happened = events(log, database, acks)
    assert sum(each.kind == "ack" for each in happened) == WRITES
    assert sum(each.kind == "remove" for each in happened) > 0, "the store was never closed"
    return happened


@pytest.mark.parametrize("synchronous", [FULL, NORMAL, OFF])
def test_power_loss(synchronous: int, tmp_path: Path) -> None:
    random, faults, number, began = chance(f"power loss {synchronous}"), Counter[str](), 0, monotonic()
    is_control = synchronous != FULL
    for turn in rounds(short=1, whole=4 if is_control else 20, share=0.02 if is_control else 0.06):
        folder, disk = tmp_path / f"round{turn}", tmp_path / f"disk{turn}"
        folder.mkdir()
        disk.mkdir()
        happened = traced_writes(folder, synchronous)
        for position, loss, acknowledged, files in states(happened, STATES_A_ROUND, random):
            number += 1
            fault = fault_in(disk, files, acknowledged)
            if fault is not None:
                faults[fault] += 1
                assert is_control, f"{fault} after losing {loss} of the unsynced writes at event {position}"
        shutil.rmtree(folder)
    speed = number / (monotonic() - began)
    print(f"synchronous={synchronous}: {number} power losses, {dict(faults)}, {speed:.0f} a second")
    if is_control:
        assert faults["lost"] > 0, "the control lost nothing: this test would not notice a loss"
    if synchronous == OFF:
        assert faults["corrupt"] + faults["partial"] > 0, "the control was never corrupt"
