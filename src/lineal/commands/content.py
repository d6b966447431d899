"""`lineal put` and `lineal get`: content of entities, through a server."""

import hashlib
import mimetypes
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from lineal.commands.graphql_client import open_client, suggestion_of
from lineal.commands.servers import check_admitted, server_client
from lineal.commands.sinks import server_unreachable
from lineal.graphstore.errors import StoreError
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.urns import make_urn

_CHUNK_BYTES: Final = 1024 * 1024
_RECORD: Final = """
mutation ($input: LineageRecordInput!) { lineageRecord(input: $input) {
  entities { entity { urn } } userErrors { message } } }"""
_CONTENT: Final = "query ($urn: String!) { entity(urn: $urn) { name content { url sha256 bytes fileName } } }"


async def put_file(
    file: Path,
    kind: str,
    name: str | None,
    version: str | None,
    account: str | None,
    media_type: str | None,
    produced_by: str | None,
    url: str | None,
) -> int:
    """Upload a file, record an entity with it as content, and print its URN.

    Raises StoreError if the server refuses one of them. An upload without a record is deleted by the server later.
    """
    entity_kind, size = _kind(kind), file.stat().st_size
    with _progress() as progress:
        sha256 = _sha256(file, size, progress)
        async with server_client(url) as client:
            uri = await _upload(client, file, size, sha256, account, progress)
    async with open_client(url, None) as server:
        owner = account or (await server.execute("{ viewer { account } }", {}))["viewer"]["account"]
        properties = [
            {"key": "content.bytes", "value": {"int": size}},
            {"key": "content.fileName", "value": {"string": file.name}},
        ]
        guessed = media_type or mimetypes.guess_type(file.name)[0]
        if guessed:
            properties.append({"key": "content.mediaType", "value": {"string": guessed}})
        entity = {
            "kind": entity_kind,
            "account": owner,
            "name": name or file.name,
            "version": version or sha256,
            "source": {"uri": uri, "type": "LINEAL", "ids": [{"type": "SHA256", "value": sha256}]},
            "properties": properties,
        }
        urn = make_urn(owner, entity_kind, name or file.name, version or sha256)
        ends = {"source": {"urn": produced_by}, "destination": {"urn": urn}, "type": "PRODUCED"}
        batch: dict[str, Any] = {"entities": [entity], "associations": [ends] if produced_by else []}
        recorded = (await server.execute(_RECORD, {"input": batch}))["lineageRecord"]
    if recorded["userErrors"]:
        raise StoreError(" ".join(error["message"] for error in recorded["userErrors"]))
    click.echo(recorded["entities"][0]["entity"]["urn"])
    return 0


def _kind(text: str) -> EntityKind:
    kinds = [kind for kind in EntityKind if kind is not EntityKind.RESTRICTED]
    if text.upper() not in kinds:
        raise click.UsageError(f"{text} is no kind; the kinds are: {', '.join(kinds)}")
    return EntityKind(text.upper())


def _sha256(file: Path, size: int, progress: Progress) -> str:
    digest, task = hashlib.sha256(), progress.add_task("hash", total=size)
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            progress.advance(task, len(chunk))
    return digest.hexdigest()


async def _upload(
    client: httpx.AsyncClient, file: Path, size: int, sha256: str, account: str | None, progress: Progress
) -> str:
    """Upload a file, unless the account uploaded it before, and return its URI."""
    path, query = f"/blobs/{sha256}", {"account": account} if account else {}
    task = progress.add_task("upload", total=size)

    async def chunks() -> AsyncIterator[bytes]:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk
                progress.advance(task, len(chunk))

    try:
        if (await client.head(path, params=query)).status_code == 200:
            progress.update(task, completed=size)
            return f"lineal-blob:sha256:{sha256}"
        answer = await client.put(path, params=query, content=chunks(), timeout=httpx.Timeout(120, write=None))
    except httpx.TransportError as error:
        raise server_unreachable(client, error) from error
    _check(answer)
    return str(answer.json()["uri"])


async def get_content(urn: str, output: Path | None, url: str | None) -> int:
    """Download the content of an entity to a new file, and check its SHA-256.

    Raises StoreError if there is none, if the file exists, and if the content that arrives is not the recorded one.
    """
    async with open_client(url, None) as server:
        entity = (await server.execute(_CONTENT, {"urn": urn}))["entity"]
        if entity is None:
            raise StoreError(f"{urn} is not recorded, or you may not read it{suggestion_of(server)}")
    content = entity["content"]
    if content is None:
        raise StoreError(f"the server keeps no content of {urn}: its source says where the content lies")
    file = output or Path(Path(content["fileName"] or entity["name"]).name or "content")
    async with server_client(url) as client:
        try:
            async with client.stream("GET", content["url"]) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    _check(answer)
                with _new_file(file) as stream:
                    await _save(answer, stream, content["sha256"])
        except httpx.TransportError as error:
            raise server_unreachable(client, error) from error
    if str(file) != "-":
        click.echo(str(file), err=True)
    return 0


async def _save(answer: httpx.Response, stream: BinaryIO, sha256: str) -> None:
    digest = hashlib.sha256()
    with _progress() as progress:
        task = progress.add_task("download", total=int(answer.headers.get("content-length", 0)) or None)
        async for chunk in answer.aiter_bytes(_CHUNK_BYTES):
            stream.write(chunk)
            digest.update(chunk)
            progress.advance(task, len(chunk))
    if digest.hexdigest() != sha256:
        raise StoreError("the content that arrived is not the recorded one: its SHA-256 differs; download it again")


@contextmanager
def _new_file(file: Path) -> Iterator[BinaryIO]:
    """Open a file that appears under its name only when it is complete. Raises StoreError if the name is taken."""
    if str(file) == "-":
        yield sys.stdout.buffer
        return
    if file.exists() or file.is_symlink():
        raise StoreError(f"{file} exists: name another file with --output")
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as stream:
            yield stream
        try:
            # A link, unlike a renaming, fails where the name was taken meanwhile.
            os.link(part, file)
        except FileExistsError as error:
            raise StoreError(f"{file} exists: name another file with --output") from error
    finally:
        part.unlink(missing_ok=True)


def _check(answer: httpx.Response) -> None:
    """Raise StoreError with the problems of a refusal."""
    check_admitted(answer)
    if answer.status_code >= 400:
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        problems = answer.json().get("problems", []) if is_json else []
        raise StoreError(" ".join(problems) or f"the server answers {answer.status_code}")


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
