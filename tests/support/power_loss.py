"""What a disk may hold after a power loss, from the trace of a process: synced writes, and any part of the others.

Not modelled: directory entries (a file that was made or removed is so at once), writes through mmap, and bit rot.
"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, Literal, TypeAlias

_CALLS: Final = "openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink"
_LINE: Final = re.compile(r"(\d+) +(.*)")
_RESUMED: Final = re.compile(r"<\.\.\. (\w+) resumed>")
_CALL: Final = re.compile(r'(\w+)\((?:AT_FDCWD(?:<[^>]*>)?, )?(?:\d+<([^>]*)>|"([^"]*)")(.*)')
_SECTOR: Final = 512

Content: TypeAlias = bytes | int
"""What a pending write does: bytes at an offset, or, as a number, a new size of the file."""
Loss: TypeAlias = Literal["all", "none", "first", "some", "torn"]
"""Which unsynced writes reach the disk: all, none, the first ones, any of them, or any sectors of any of them."""
LOSSES: Final[tuple[Loss, ...]] = ("all", "none", "first", "some", "torn")


@dataclass(frozen=True)
class Event:
    """One thing that a process did to a file. `since` is the position in the trace at which it began."""

    kind: Literal["write", "truncate", "sync", "remove", "ack"]
    path: str
    since: int
    offset: int = 0
    data: bytes = b""


@dataclass
class _File:
    synced: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)


def trace(log: Path, command: list[str]) -> None:
    """Run a Python program under strace. Raises CalledProcessError."""
    tracer = ["strace", "-f", "-y", "-xx", "-s", "1000000", "-e", f"trace={_CALLS}", "-o", str(log)]
    subprocess.run([*tracer, sys.executable, *command], check=True, timeout=300)


def events(log: Path, database: Path, acks: Path) -> list[Event]:
    """The events of a trace that are about a database and its log, or acknowledge a write, in order.

    A write may reach the disk from when its call begins. A sync counts when its call ends, for the writes before it
    began.
    """
    kept: list[Event] = []
    begun: dict[str, tuple[str, int]] = {}
    followed = {str(database), f"{database}-wal", f"{database}-journal", str(acks)}
    for position, line in enumerate(log.read_text().splitlines()):
        match = _LINE.match(line)
        assert match, line
        thread, text = match.groups()
        if _RESUMED.match(text):
            call, since = begun.pop(thread)
            if call.startswith(("fsync", "fdatasync")) and not text.endswith("= 0"):
                continue
        elif text.endswith("<unfinished ...>"):
            begun[thread] = text, position
            if text.startswith(("fsync", "fdatasync")):
                continue
            call, since = text, position
        else:
            call, since = text, position
        if _RESUMED.match(text) and not call.startswith(("fsync", "fdatasync")):
            continue
        event = _event(call, since, followed, str(acks))
        if event is not None:
            kept.append(event)
    return kept


def _event(call: str, since: int, followed: set[str], acks: str) -> Event | None:
    match = _CALL.match(call)
    if match is None:
        return None
    name, by_descriptor, by_name, rest = match.groups()
    path = _bytes(by_descriptor or by_name or "").decode(errors="replace")
    if path not in followed or name == "openat":
        return None
    if name in ("fsync", "fdatasync"):
        return Event("sync", path, since)
    if name == "unlink":
        return Event("remove", path, since)
    if name == "ftruncate":
        return Event("truncate", path, since, int(rest.strip(" ,").split(")")[0].split()[0]))
    data = re.match(r', "([^"]*)", \d+(?:, (\d+))?', rest)
    assert data, call[:200]
    if path == acks:
        return Event("ack", path, since, int(_bytes(data[1])))
    return Event("write", path, since, int(data[2]), _bytes(data[1]))


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


class Disk:
    """The files of a trace so far: what is synced, and what is pending."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self.acknowledged: set[int] = set()

    def apply(self, event: Event) -> None:
        """Let one more event happen."""
        if event.kind == "ack":
            self.acknowledged.add(event.offset)
        elif event.kind == "remove":
            self._files.pop(event.path, None)
        elif event.kind == "sync":
            file = self._files.get(event.path, _File())
            for write in [each for each in file.pending if each.since < event.since]:
                _apply(file.synced, write)
            file.pending = [each for each in file.pending if each.since >= event.since]
        else:
            self._files.setdefault(event.path, _File()).pending.append(event)

    def after(self, loss: Loss, random: Random) -> dict[str, bytes]:
        """The files after a power loss now."""
        return {path: bytes(_lost(file, loss, random)) for path, file in self._files.items()}


def _lost(file: _File, loss: Loss, random: Random) -> bytearray:
    content = bytearray(file.synced)
    pending = file.pending
    if loss == "none":
        pending = []
    elif loss == "first":
        pending = pending[: random.randint(0, len(pending))]
    elif loss == "some":
        pending = [each for each in pending if random.random() < 0.5]
    for write in pending:
        if loss == "torn" and write.kind == "write":
            for start in range(0, len(write.data), _SECTOR):
                if random.random() < 0.5:
                    part = write.data[start : start + _SECTOR]
                    _apply(content, Event("write", write.path, 0, write.offset + start, part))
        elif loss != "torn" or random.random() < 0.5:
            _apply(content, write)
    return content


def _apply(content: bytearray, write: Event) -> None:
    if write.kind == "truncate":
        del content[write.offset :]
        content.extend(bytes(write.offset - len(content)))
        return
    end = write.offset + len(write.data)
    content.extend(bytes(max(0, end - len(content))))
    content[write.offset : end] = write.data


def states(
    happened: list[Event], number: int, random: Random
) -> Iterator[tuple[int, Loss, set[int], dict[str, bytes]]]:
    """Drawn power losses: the position, the kind of loss, what was acknowledged by then, and the files after it."""
    drawn = Counter((random.randrange(len(happened)), random.choice(LOSSES)) for _ in range(number))
    disk = Disk()
    for position, event in enumerate(happened):
        disk.apply(event)
        for loss in LOSSES:
            for _ in range(drawn[position, loss]):
                yield position, loss, set(disk.acknowledged), disk.after(loss, random)
