"""Requests to a graph server and its answers: gremlinpython's messages, as bytes."""

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
"""Number of results in one frame of an answer."""
_WITH_ID: Final = b"\x81\x00"
_NULL_ID: Final = b"\x81\x01"
"""First bytes of an answer in this version of GraphBinary, with a request id and without."""
_HEADER: Final = struct.Struct(">2sQQi")
"""Header of an answer: first bytes, request id, status code."""
_CODE: Final = struct.Struct(">i")
_PAST: Final = b"\0"

_serializer = GraphBinarySerializersV1(writer=writer())
_reader = GraphBinaryReader()


class ServerRefused(Unavailable):
    """The server answered a request with an error. Its transaction, if there was one, is rolled back.

    `kinds` are the class names of the exceptions on the server, the outermost first; empty if the server names none.
    """

    def __init__(self, code: int, message: str, kinds: Sequence[str] = ()) -> None:
        super().__init__(f"the graph server answered {code}: {message[:500]}")
        self.code, self.message, self.kinds = code, message, tuple(kinds)


@dataclass(frozen=True, slots=True)
class Head:
    """The request id of an answer's frame, None if the server could not read the request, and its status code."""

    id: uuid.UUID | None
    code: int


def bytecode_message(bytecode: Bytecode, source: str, milliseconds: int | None = None) -> tuple[uuid.UUID, bytes]:
    """Return the id and the bytes of a request that runs a traversal, which the server interrupts after a time."""
    arguments = {"gremlin": bytecode, "aliases": {"g": source}, "batchSize": _BATCH}
    if milliseconds is not None:
        arguments["evaluationTimeout"] = milliseconds
    return _message(RequestMessage("traversal", "bytecode", arguments))


def script_message(script: str, bindings: dict[str, Any], source: str) -> tuple[uuid.UUID, bytes]:
    """Return the id and the bytes of a request that runs a Groovy script. Only the schema and the lease use scripts."""
    arguments = {"gremlin": script, "bindings": bindings, "language": "gremlin-groovy", "aliases": {"g": source}}
    return _message(RequestMessage("", "eval", arguments))


def login_message(id: uuid.UUID, secret: str) -> bytes:
    """Return the bytes of the login for the request with an id."""
    return bytes(_serializer.serialize_message(id, RequestMessage("traversal", "authentication", {"sasl": secret})))


def _message(request: RequestMessage) -> tuple[uuid.UUID, bytes]:
    id = uuid.uuid4()
    return id, bytes(_serializer.serialize_message(id, request))


def head(frame: bytes) -> Head:
    """Return the head of a frame. Raises ValueError or struct.error if the bytes are no frame of an answer."""
    if frame[:2] == _NULL_ID:
        return Head(None, _CODE.unpack_from(frame, 2)[0])
    begins, high, low, code = _HEADER.unpack_from(frame)
    if begins != _WITH_ID:
        raise ValueError(f"it begins with {begins.hex()}")
    number = high << 64 | low
    return Head(uuid.UUID(int=number) if number else None, code)


def refusal(frame: bytes) -> ServerRefused:
    """Return the error in a frame."""
    try:
        code, message, attributes, _ = _unpacked(frame)
    except Exception as error:  # a damaged frame can make the reader raise anything
        return ServerRefused(head(frame).code, f"an error that cannot be read ({error!r})")
    return ServerRefused(code, str(message), [str(each) for each in attributes.get("exceptions") or ()])


def results(frames: Sequence[bytes]) -> list[Any]:
    """Return the results in the frames of an answer, each as often as the traversal produced it."""
    found: list[Any] = []
    try:
        for frame in frames:
            for each in _unpacked(frame)[3] or ():
                if hasattr(each, "bulk"):
                    found.extend([each.object] * each.bulk)
                else:
                    found.append(each)
    except Exception as error:  # a damaged frame can make the reader raise anything
        raise Unavailable(f"the graph server's answer cannot be read ({error!r})") from error
    return found


def _unpacked(frame: bytes) -> tuple[int, Any, dict[Any, Any], Any]:
    """Return status code, message, attributes and data of a frame. Raises any exception if the frame is damaged."""
    # The reader takes a truncated text for a shorter one: with one more byte it reads past the end, which fails below.
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
