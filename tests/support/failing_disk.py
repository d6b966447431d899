"""A disk under SQLite whose nth call fails, once or from then on."""

from collections.abc import Callable
from typing import Final, TypeVar

import apsw

Result = TypeVar("Result")

ERRORS: Final[dict[str, tuple[type[apsw.Error], frozenset[str]]]] = {
    "EIO": (apsw.IOError, frozenset({"read", "write", "truncate", "sync", "size", "delete", "exists", "lock"})),
    "ENOSPC": (apsw.FullError, frozenset({"write", "truncate"})),
    "EMFILE": (apsw.CantOpenError, frozenset({"open"})),
    "ENOMEM": (apsw.NoMemError, frozenset({"open", "read", "write", "sync", "size"})),
}
"""How SQLite reports each error, and at which calls it can come."""


class FailingDisk(apsw.VFS):
    """The VFS that SQLite opens files with while this is registered. It is well until `fail` is called.

    `calls` counts those at which the error can come; `opened` counts files opened, `failed_at` is `opened` when a sync
    failed last.
    """

    def __init__(self) -> None:
        self.calls = self.opened = 0
        self.failed_at: int | None = None
        self.felt = False
        self._error, self._at_calls = ERRORS["EIO"]
        self._number, self._is_sticky = 0, False
        super().__init__("failing", "unix", makedefault=True)

    def fail(self, error: str, number: int, *, sticky: bool) -> None:
        """Let a call fail: the nth from now that the error can come at, and every later one if it is sticky."""
        self._error, self._at_calls = ERRORS[error]
        self._number, self._is_sticky, self.calls, self.felt = number, sticky, 0, False

    def heal(self) -> None:
        """Let no call fail any more."""
        self._number = 0

    def run(self, call: str, work: Callable[[], Result]) -> Result:
        """Make a call, or fail it."""
        if call == "open":
            self.opened += 1
        if call in self._at_calls:
            self.calls += 1
            if self._number and (self.calls == self._number or (self._is_sticky and self.calls > self._number)):
                self.felt = True
                if call == "sync":
                    self.failed_at = self.opened
                raise self._error("injected disk fault")
        return work()

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return self.run("open", lambda: _File(self, name, flags))

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.run("delete", lambda: super(FailingDisk, self).xDelete(filename, syncdir))

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        return self.run("exists", lambda: super(FailingDisk, self).xAccess(pathname, flags))


class _File(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("unix", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        return self._disk.run("read", lambda: super(_File, self).xRead(amount, offset))

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.run("write", lambda: super(_File, self).xWrite(data, offset))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.run("truncate", lambda: super(_File, self).xTruncate(newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.run("sync", lambda: super(_File, self).xSync(flags))

    def xFileSize(self) -> int:  # noqa: N802
        return self._disk.run("size", super().xFileSize)

    def xLock(self, level: int) -> None:  # noqa: N802
        self._disk.run("lock", lambda: super(_File, self).xLock(level))
