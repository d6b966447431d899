"""Fills the templates that lie beside this file."""

import re
from importlib.resources import files

_PLACE = re.compile(r"\{(\w+)\}")


def filled(name: str, **values: object) -> str:
    """The template of a name, with each `{place}` replaced.

    Raises KeyError where a place has no value. A folder has to be absolute: JanusGraph takes a relative one from where
    the properties lie, the server from where it was started.
    """
    text = (files("lineal.graphstore.gremlin.servers") / name).read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: str(values[place[1]]), text)
