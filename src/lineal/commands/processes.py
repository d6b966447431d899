"""Background processes that outlive the command that started them."""

import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lineal.graphstore.errors import Unavailable


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on a file. Without `wait`, raises BlockingIOError if another process holds it."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def is_free(port: int) -> bool:
    """Whether a port of loopback is free to listen on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_running(pid: int, marker: str) -> bool:
    """Whether the process runs and has the marker in its command line: other processes reuse process ids."""
    return marker in _command_line(pid)


def _command_line(pid: int) -> list[str]:
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="surrogateescape").split("\0")
        except OSError:
            return []
    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (numbers only)
    return shown.stdout.split()


def end(pid: int, marker: str, patience: float = 30) -> None:
    """End a process, by SIGKILL after `patience` seconds. Raises Unavailable if it still runs."""
    for signal_number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10)):
        if not is_running(pid, marker):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal_number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not is_running(pid, marker):
                return
            time.sleep(0.1)
    raise Unavailable(f"process {pid} did not end after SIGKILL: end it yourself")
