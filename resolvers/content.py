"""The content of an entity, as its source and its properties describe it."""

from dataclasses import dataclass
from typing import Final

from lineal.blobs.addresses import sha256_of
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.records import Entity, Restricted

BYTES: Final = "content.bytes"
MEDIA_TYPE: Final = "content.mediaType"
FILE_NAME: Final = "content.fileName"


@dataclass(frozen=True, slots=True)
class Content:
    """Content that this server keeps. What its recorder did not state is None."""

    url: str
    sha256: str
    bytes: str | None
    media_type: str | None
    file_name: str | None


def content_of(entity: Entity | Restricted) -> Content | None:
    """Return the content of an entity; None if its source is not a blob of this server."""
    try:
        sha256 = None if entity.source is None else sha256_of(entity.source.uri)
    except ValueError:
        return None
    if sha256 is None:
        return None
    stated = {each.key: each for each in entity.properties}
    size = stated.get(BYTES)
    texts = {key: stated[key].text for key in (MEDIA_TYPE, FILE_NAME) if key in stated}
    size_text = size.text if size is not None and size.type is PropertyType.INTEGER else None
    return Content(f"/content/{entity.id}", sha256, size_text, texts.get(MEDIA_TYPE), texts.get(FILE_NAME))
