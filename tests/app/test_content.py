"""Content over HTTP: uploads, downloads, who may read them, and what a damaged file shows."""

import hashlib
import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from keys import make_account, make_key
from server_process import Server, serving

RECORD = """mutation ($e: [EntityInput!]!) { lineageRecord(input: {entities: $e}) {
  entities { entity { id } } userErrors { code message path } } }"""
CONTENT = "query ($urn: String!) { entity(urn: $urn) { content { url sha256 bytes mediaType fileName } } }"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20


class People:
    """Keys of two accounts, and a server that takes them."""

    def __init__(self, server: Server, keys: dict[str, str], folder: Path) -> None:
        self.server, self.keys, self.folder = server, keys, folder

    def send(self, who: str, method: str, path: str, content: Any = None, **headers: str) -> httpx.Response:
        """The answer to one of them."""
        sent = {"Authorization": f"Bearer {self.keys[who]}", "Accept-Encoding": "identity", **headers}
        return self.server.client.request(method, path, content=content, headers=sent)

    def ask(self, who: str, query: str, **variables: Any) -> Any:
        """The data of an answer to one of them, without errors."""
        headers = {"Authorization": f"Bearer {self.keys[who]}"}
        body = {"query": query, "variables": variables}
        answer = self.server.client.post("/graphql", json=body, headers=headers).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def put(self, who: str, content: bytes, query: str = "") -> httpx.Response:
        return self.send(who, "PUT", f"/blobs/{sha256(content)}{query}", content)

    def record(self, who: str, name: str, content: bytes, **properties: str) -> Any:
        """The answer to recording an output with content."""
        stated = [{"key": f"content.{key}", "value": {"string": value}} for key, value in properties.items()]
        uri = f"lineal-blob:sha256:{sha256(content)}"
        entity = {"kind": "OUTPUT", "name": name, "source": {"uri": uri}, "properties": stated}
        return self.ask(who, RECORD, e=[entity])["lineageRecord"]

    def kept(self, who: str, name: str, content: bytes, **properties: str) -> str:
        """The path of the content of a new output."""
        assert self.put(who, content).status_code == 201
        recorded = self.record(who, name, content, **properties)
        assert recorded["userErrors"] == []
        return f"/content/{recorded['entities'][0]['entity']['id']}"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("people")
    store = f"sqlite:///{folder}/lineal.db"
    make_account(store, "a")
    make_account(store, "b")
    keys = {
        "ann": make_key(store, "a", "ann"),
        "ada": make_key(store, "a", "ada", "--role", "admin"),
        "reader": make_key(store, "a", "reader", "--permission", "READ"),
        "bob": make_key(store, "b", "bob", "--role", "admin"),
    }
    config = folder / "lineal.toml"
    config.write_text("max_blob_bytes = 1000000\naccount_blob_bytes = 3000000\n")
    with serving(store, folder, "--config", str(config), token="") as server:
        yield People(server, keys, folder)


def test_content_is_uploaded_named_and_downloaded(people: People) -> None:
    answer = people.put("ann", PNG)
    assert (answer.status_code, answer.json()) == (
        201,
        {"uri": f"lineal-blob:sha256:{sha256(PNG)}", "bytes": len(PNG)},
    )
    path = people.kept("ann", "plot.png", PNG, mediaType="image/png", fileName='pl"ot\n.png')
    shown = people.ask("ann", CONTENT, urn="lineal:a:OUTPUT:plot.png")["entity"]["content"]
    assert shown == {
        "url": path,
        "sha256": sha256(PNG),
        "bytes": None,
        "mediaType": "image/png",
        "fileName": 'pl"ot\n.png',
    }
    answer = people.send("ann", "GET", path)
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''pl%22ot%0A.png"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["etag"] == f'"{sha256(PNG)}"'
    head = people.send("ann", "HEAD", path)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(PNG)))
    assert people.send("ann", "GET", path, **{"If-None-Match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/javascript", "nonsense\r\nX: y"])
def test_what_could_run_in_a_browser_is_downloaded(people: People, media_type: str) -> None:
    path = people.kept("ann", f"of {media_type}", b"<script>1</script>", mediaType=media_type)
    headers = people.send("ann", "GET", path).headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"].startswith("attachment;")
    assert "x" not in headers


@pytest.mark.parametrize(
    ("requested", "status", "start", "end"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=10-19", 206, 10, 20),
        (f"bytes={len(PNG) - 1}-", 206, len(PNG) - 1, len(PNG)),
        ("bytes=-5", 206, len(PNG) - 5, len(PNG)),
        ("bytes=-99999999", 206, 0, len(PNG)),
        ("bytes=0-99999999", 206, 0, len(PNG)),
        ("bytes=5-4", 200, 0, len(PNG)),
        ("bytes=0-1,4-5", 200, 0, len(PNG)),
        ("lines=0-1", 200, 0, len(PNG)),
        (f"bytes={len(PNG)}-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
    ],
)
def test_ranges(people: People, requested: str, status: int, start: int, end: int) -> None:
    path = people.kept("ann", "ranges", PNG)
    answer = people.send("ann", "GET", path, Range=requested)
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["content-range"] == f"bytes */{len(PNG)}"
        return
    assert answer.content == PNG[start:end]
    assert answer.headers.get("content-range") == (f"bytes {start}-{end - 1}/{len(PNG)}" if status == 206 else None)
    changed = people.send("ann", "GET", path, Range=requested, **{"If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, PNG)


def test_only_who_may_read_the_entity_reads_its_content(people: People) -> None:
    path = people.kept("ann", "secret", b"a secret")
    assert people.send("reader", "GET", path).content == b"a secret"
    hidden = people.send("bob", "GET", path)
    absent = people.send("bob", "GET", "/content/AAAAAAAAAAAAAAAAAAAAAA")
    without = people.ask("ann", RECORD, e=[{"kind": "OUTPUT", "name": "elsewhere", "source": {"uri": "s3://b/k"}}])
    elsewhere = people.send("ann", "GET", f"/content/{without['lineageRecord']['entities'][0]['entity']['id']}")
    for answer in (hidden, absent, elsewhere, people.send("ann", "GET", "/content/no%20id")):
        assert (answer.status_code, answer.json()) == (
            404,
            {"problems": ["There is no such content, or you may not read it."]},
        )
    assert people.server.client.get(path).status_code == 401


def test_the_digest_of_content_does_not_give_the_content(people: People) -> None:
    people.kept("ann", "known digest", b"bytes of account a")
    recorded = people.record("bob", "stolen", b"bytes of account a")
    digest = sha256(b"bytes of account a")
    assert recorded["userErrors"] == [
        {
            "code": "INVALID_VALUE",
            "message": f"Account b uploaded no such content: send it by PUT /blobs/{digest} first.",
            "path": ["input", "entities", "0", "source", "uri"],
        }
    ]
    assert people.send("bob", "HEAD", f"/blobs/{digest}").status_code == 404
    known, unknown = people.put("bob", b"bytes of account a"), people.put("bob", b"bytes of nobody yet")
    assert (
        (known.status_code, list(known.json()))
        == (unknown.status_code, list(unknown.json()))
        == (201, ["uri", "bytes"])
    )
    assert people.send("bob", "HEAD", f"/blobs/{digest}").status_code == 200


def test_uploads_are_refused_with_what_to_do(people: People) -> None:
    digest = sha256(b"x")
    wrong = people.send("ann", "PUT", f"/blobs/{digest}", b"y")
    assert wrong.status_code == 400
    assert wrong.json()["problems"][0].endswith(f"not {digest}: send it again.")
    for path in ("/blobs/xyz", f"/blobs/{digest.upper()}"):
        refused = people.send("ann", "PUT", path, b"x")
        assert (refused.status_code, refused.json()["problems"]) == (
            400,
            ["The path ends in the SHA-256 of the content: 64 lower-case hexadecimal digits."],
        )
    large = people.put("ann", b"x" * 1_000_001)
    assert (large.status_code, large.json()["problems"]) == (
        413,
        ["The content is larger than 1000000 bytes: record where it lies instead."],
    )
    for who, query, account in (("reader", "", "a"), ("bob", "?account=a", "a"), ("ann", "?account=nobody", "nobody")):
        denied = people.put(who, b"x", query)
        assert (denied.status_code, denied.json()["problems"]) == (
            403,
            [f"You lack lineage:Record on account {account}."],
        )
    unreadable = people.ask("ann", RECORD, e=[{"kind": "OUTPUT", "name": "y", "source": {"uri": "lineal-blob:md5:1"}}])
    assert unreadable["lineageRecord"]["userErrors"][0]["message"] == (
        "The address is not valid: write the address of a blob as lineal-blob:sha256: and 64 lower-case hexadecimal "
        "digits."
    )


def test_an_account_keeps_no_more_than_its_quota(people: People) -> None:
    contents = [bytes([number]) * 999_999 for number in range(4)]
    statuses = [people.put("bob", content).status_code for content in contents]
    assert 413 in statuses
    assert statuses[:2] == [201, 201]
    assert people.put("bob", contents[0]).status_code == 201, "the same bytes count once"


def test_a_client_that_goes_away_leaves_nothing(people: People) -> None:
    url = urlsplit(people.server.url)
    content = b"z" * 500_000
    head = (
        f"PUT /blobs/{sha256(content)} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(content)}\r\n"
        f"Authorization: Bearer {people.keys['ann']}\r\n\r\n"
    )
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(head.encode() + content[:300_000])
    while True:
        log = people.server.log.read_text()
        if sha256(content) in log:
            break
    assert people.send("ann", "HEAD", f"/blobs/{sha256(content)}").status_code == 404
    assert "Traceback" not in people.server.log.read_text()
    assert not [path for path in people.folder.rglob(f"*{sha256(content)}*") if path.is_file()]


def test_damaged_content_does_not_arrive_whole(people: People) -> None:
    content = bytes(range(256)) * 3900
    path = people.kept("ann", "damaged", content)
    (file,) = [each for each in people.folder.rglob(sha256(content)) if each.is_file()]
    file.write_bytes(content[:-1] + b"!")
    answer = people.send("ann", "GET", path)
    assert (answer.status_code, answer.json()["problems"]) == (
        503,
        [f"The stored content {sha256(content)} is damaged: restore it, or upload it again."],
    )
    file.unlink()
    answer = people.send("ann", "GET", path)
    assert (answer.status_code, answer.json()["problems"]) == (
        503,
        ["The stored content is missing: restore it, or upload it again."],
    )
    assert people.put("ann", content).status_code == 201
    assert people.send("ann", "GET", path).content == content


def test_content_is_sent_as_it_is_recorded_not_compressed(people: People) -> None:
    content = b"a" * 100_000
    path = people.kept("ann", "compressible", content, mediaType="text/plain")
    answer = people.send("ann", "GET", path, **{"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == str(len(content))


def test_a_store_without_a_place_for_content_says_so(tmp_path: Path) -> None:
    with serving("memory:", tmp_path) as server:
        answer = server.client.put(f"/blobs/{sha256(b'x')}", content=b"x")
        assert (answer.status_code, answer.json()) == (
            501,
            {"problems": ["This server keeps no content: start it with the setting `blobs`."]},
        )
        entity = {"kind": "OUTPUT", "name": "x", "source": {"uri": f"lineal-blob:sha256:{sha256(b'x')}"}}
        refused = server.ask(RECORD, e=[entity])["lineageRecord"]["userErrors"]
        assert [each["message"] for each in refused] == [
            "This server keeps no content: set `blobs`, or record the address where the content lies."
        ]


def test_a_large_upload_is_chunked_and_survives_in_one_piece(tmp_path: Path) -> None:
    content = b"".join(hashlib.sha256(bytes([n % 256, n // 256])).digest() * 512 for n in range(1300))
    assert len(content) > 20 * 1024 * 1024, "larger than a request body may be elsewhere"
    with serving(f"sqlite:///{tmp_path}/lineal.db", tmp_path) as server:
        url = urlsplit(server.url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
        pieces = (content[start : start + 300_001] for start in range(0, len(content), 300_001))
        connection.request("PUT", f"/blobs/{sha256(content)}", body=pieces, encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})  # fmt: skip
        assert connection.getresponse().status == 201
        connection.close()
        entity = {"kind": "OUTPUT", "name": "x", "source": {"uri": f"lineal-blob:sha256:{sha256(content)}"}}
        id = server.ask(RECORD, e=[entity])["lineageRecord"]["entities"][0]["entity"]["id"]
        assert server.client.get(f"/content/{id}").content == content
