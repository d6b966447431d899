"""A disk under SQLite that notes every sync and fails the ones that a test chooses."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw

NAME: Final = "watched"


class WatchedDisk(apsw.VFS):
    """The VFS that SQLite opens files with while this is registered. `syncs` names the files synced, in order."""

    def __init__(self) -> None:
        self.syncs: list[str] = []
        self.fails: Callable[[str], bool] = lambda suffix: False
        super().__init__(NAME, "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _WatchedFile(self, name, flags)


class _WatchedFile(apsw.VFSFile):
    def __init__(self, disk: WatchedDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        self._suffix = Path(path).suffix
        super().__init__("unix", name, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.syncs.append(self._suffix)
        if self._disk.fails(self._suffix):
            raise apsw.IOError("injected disk fault")
        super().xSync(flags)
