"""Processes that go on after the command that started them."""

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
    """Only one at a time in here, over all processes. Raises BlockingIOError where another is, unless it may wait."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def is_free(port: int) -> bool:
    """Whether a server could listen on a port of loopback."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def runs(pid: int, word: str) -> bool:
    """Whether a process lives that was started with a word in its command: ids are used again for other processes."""
    return word in _words(pid)


def _words(pid: int) -> list[str]:
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="surrogateescape").split("\0")
        except OSError:
            return []
    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (numbers only)
    return shown.stdout.split()


def end(pid: int, word: str, patience: float = 30) -> None:
    """End a process, by force after so many seconds. Raises Unavailable where even that does not end it."""
    for how, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10)):
        if not runs(pid, word):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, how)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not runs(pid, word):
                return
            time.sleep(0.1)
    raise Unavailable(f"process {pid} does not end: end it yourself")
