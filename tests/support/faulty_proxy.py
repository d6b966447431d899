"""A proxy between a store and its graph server that injects connection faults."""

import asyncio
from contextlib import suppress
from typing import Self


class FaultyProxy:
    """Forwards bytes, or fails as `mode` says. `url` is what a store connects to.

    `mode` is one of: pass; stall (nothing is forwarded in either direction until the mode changes); deaf (responses are
    dropped); truncate (half of the next response is forwarded, and the connection closed); refuse (new connections are
    closed at once, as when no server listens).
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.mode = "pass"
        self.open = 0
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"gremlin://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._listener.close()
        self.cut()
        await asyncio.sleep(0.05)

    def cut(self) -> None:
        """Close every connection."""
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "refuse":
            writer.close()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, back}
        self.open += 1
        try:
            await asyncio.gather(self._pass(reader, back, answers=False), self._pass(there, writer, answers=True))
        finally:
            self.open -= 1
            self._writers -= {writer, back}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                while self.mode == "stall":
                    await asyncio.sleep(0.02)
                if self.mode == "deaf" and answers:
                    continue
                if self.mode == "truncate" and answers:
                    writer.write(data[: len(data) // 2])
                    break
                writer.write(data)
                await writer.drain()
        writer.close()
