"""What is sent to a graph server, and what it answers: gremlinpython's messages, as bytes."""

import io
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gremlin_python.driver.request import RequestMessage
from gremlin_python.driver.serializer import GraphBinarySerializersV1
from gremlin_python.process.traversal import Bytecode
from gremlin_python.structure.io.graphbinaryV1 import DataType, GraphBinaryReader

from lineal.graphstore.errors import Unavailable
from lineal.graphstore.gremlin.predicates import writer

_BATCH: Final = 256
"""How many results the server puts into one frame."""
_WITH_ID: Final = b"\x81\x00"
_NULL_ID: Final = b"\x81\x01"
"""How an answer begins, by the version of GraphBinary, with a request id and without."""
_HEADER: Final = struct.Struct(">2sQQi")
"""Of an answer: its beginning, the request id, the status code."""
_CODE: Final = struct.Struct(">i")
_PAST: Final = b"\0"

_serializer = GraphBinarySerializersV1(writer=writer())
_reader = GraphBinaryReader()


class ServerRefused(Unavailable):
    """The server answered a request with an error. Its transaction, if there was one, is rolled back.

    `kinds` are the names of the exceptions on the server, the outermost first; none where it names none.
    """

    def __init__(self, code: int, message: str, kinds: Sequence[str] = ()) -> None:
        super().__init__(f"the graph server answered {code}: {message[:500]}")
        self.code, self.message, self.kinds = code, message, tuple(kinds)


@dataclass(frozen=True, slots=True)
class Head:
    """How a frame of an answer begins: of which request it is, None where the server could not tell, and its status."""

    id: uuid.UUID | None
    code: int


def bytecode_message(bytecode: Bytecode, source: str) -> tuple[uuid.UUID, bytes]:
    """A traversal as a request: its id and its bytes."""
    arguments = {"gremlin": bytecode, "aliases": {"g": source}, "batchSize": _BATCH}
    return _message(RequestMessage("traversal", "bytecode", arguments))


def script_message(script: str, bindings: dict[str, Any], source: str) -> tuple[uuid.UUID, bytes]:
    """A Groovy script as a request: its id and its bytes. For the schema alone."""
    arguments = {"gremlin": script, "bindings": bindings, "language": "gremlin-groovy", "aliases": {"g": source}}
    return _message(RequestMessage("", "eval", arguments))


def login_message(id: uuid.UUID, secret: str) -> bytes:
    """The answer to a server that asks, for the request of an id, who one is."""
    return bytes(_serializer.serialize_message(id, RequestMessage("traversal", "authentication", {"sasl": secret})))


def _message(request: RequestMessage) -> tuple[uuid.UUID, bytes]:
    id = uuid.uuid4()
    return id, bytes(_serializer.serialize_message(id, request))


def head(frame: bytes) -> Head:
    """How a frame begins. Raises ValueError or struct.error where it is no frame of an answer."""
    if frame[:2] == _NULL_ID:
        return Head(None, _CODE.unpack_from(frame, 2)[0])
    begins, high, low, code = _HEADER.unpack_from(frame)
    if begins != _WITH_ID:
        raise ValueError(f"it begins with {begins.hex()}")
    number = high << 64 | low
    return Head(uuid.UUID(int=number) if number else None, code)


def refusal(frame: bytes) -> ServerRefused:
    """The error that a frame tells."""
    try:
        code, message, attributes, _ = _unpacked(frame)
    except Exception as error:  # whatever a damaged frame makes the reader raise
        return ServerRefused(head(frame).code, f"an error that cannot be read ({error!r})")
    return ServerRefused(code, str(message), [str(each) for each in attributes.get("exceptions") or ()])


def results(frames: Sequence[bytes]) -> list[Any]:
    """What the frames of an answer hold: of a traversal its results, each as often as it came."""
    found: list[Any] = []
    try:
        for frame in frames:
            for each in _unpacked(frame)[3] or ():
                if hasattr(each, "bulk"):
                    found.extend([each.object] * each.bulk)
                else:
                    found.append(each)
    except Exception as error:  # whatever a damaged frame makes the reader raise
        raise Unavailable(f"the graph server's answer cannot be read ({error!r})") from error
    return found


def _unpacked(frame: bytes) -> tuple[int, Any, dict[Any, Any], Any]:
    """Status code, message, attributes and data of a frame. Raises whatever it raises where they do not fill it."""
    # The reader takes a text that ends early for a shorter one: with a byte too many it reads past the end instead.
    buffer = io.BytesIO(frame + _PAST)
    buffer.read(1)
    _reader.to_object(buffer, DataType.uuid)
    (code,) = _CODE.unpack(buffer.read(4))
    message = _reader.to_object(buffer, DataType.string)
    attributes = _reader.to_object(buffer, DataType.map, nullable=False)
    _reader.to_object(buffer, DataType.map, nullable=False)
    data = _reader.to_object(buffer)
    if buffer.tell() != len(frame):
        raise ValueError(f"it holds {len(frame)} bytes, and its contents {buffer.tell()}")
    return code, message, attributes, data
