"""Configuration of the graph servers: what `lineal janusgraph`, docker-compose.yml and the tests start them with."""

from importlib.resources import files
from pathlib import Path
from string import Template

_SHARED = ("logback.xml", "init.groovy")


def write_configuration(folder: Path, names: tuple[str, ...], **values: str) -> None:
    """Write the named files, and what they all need, into a folder, `$folder` and each `$name` filled in."""
    values |= {"folder": str(folder.absolute())}
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*names, *_SHARED):
        text = (files(__name__) / name).read_text()
        (folder / name).write_text(Template(text).safe_substitute(values))
