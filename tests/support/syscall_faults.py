"""Injects faults into the system calls of a running server with strace, at exactly the nth call of a kind."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CALLS: Final = ("pwrite64", "fdatasync", "fsync", "ftruncate", "write")
"""The system calls by which SQLite writes and syncs. Other code calls `write` too, so it gets no faults."""
FAULTED: Final = CALLS[:4]


@contextmanager
def traced(pid: int, log: Path, *options: str) -> Iterator[None]:
    """strace attached to a process and all its threads for as long as the block lasts."""
    command = ["strace", "-f", "-p", str(pid), "-o", str(log), "-e", f"trace={','.join(FAULTED)}"]
    tracer = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    try:
        line = tracer.stderr.readline()
        assert "attached" in line, f"strace could not attach: {line}{tracer.stderr.read()}"
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        try:
            tracer.wait(1)
        except subprocess.TimeoutExpired:
            # strace can wait for ever for a killed process that its parent has not asked after yet.
            tracer.kill()
            tracer.wait()
        tracer.stderr.close()


def fault(call: str, number: int | str, how: str) -> tuple[str, str]:
    """Options that make the nth of a call fail with an error, or kill the process at it; "n+": all from it on."""
    effect = "signal=KILL" if how == "KILL" else f"error={how}"
    return ("-e", f"inject={call}:{effect}:when={number}")


def counted(log: Path) -> dict[str, int]:
    """How many of each call a trace holds; a call that was interrupted counts once."""
    lines = [line for line in log.read_text().splitlines() if "resumed" not in line]
    return {call: sum(f" {call}(" in line for line in lines) for call in FAULTED}
