"""Java programs in processes of their own, for tests: on free ports of loopback, ended by process id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lineal.commands import jvm


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Program:
    """One process at a time, in a folder of its own, where its log is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self._log_before = 0

    def launch(self, libraries: list[Path], main: Iterable[str], options: Iterable[str]) -> None:
        """Start the process: a class and its arguments, with Java's options."""
        java = [str(jvm.java()), f"-Dlogback.configurationFile={self.folder / 'logback.xml'}", *options]
        java += ["-cp", os.pathsep.join(map(str, libraries)), *main]
        with (self.folder / "log").open("ab") as log:
            self._log_before = log.tell()
            self.process = subprocess.Popen(
                java, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def log(self) -> str:
        """What the process that was started last has said."""
        with (self.folder / "log").open("rb") as log:
            log.seek(self._log_before)
            return log.read().decode(errors="replace")

    def has_ended(self) -> bool:
        """Whether there is no process, or no more."""
        return self.process is None or self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal; where that stops it, wait until all its threads stand."""
        assert self.process is not None
        self.process.send_signal(number)
        if number is signal.SIGSTOP:
            deadline = time.monotonic() + 10
            while not self._stands() and time.monotonic() < deadline:
                time.sleep(0.01)

    def _stands(self) -> bool:
        assert self.process is not None
        states = []
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(OSError):  # a thread that has ended meanwhile
                states.append((task / "stat").read_text().rpartition(")")[2].split()[0])
        return set(states) <= {"T", "t"}

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def stop(self) -> None:
        """End it in order."""
        if self.process is None or self.has_ended():
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
