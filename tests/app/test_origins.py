"""In development mode a page of another origin cannot send a request as the administrator."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import Server, serving

QUERY = {"query": "{ viewer { account } }"}
PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:60.0) Gecko/20100101 Firefox/60.0"
ALLOWED = "https://ui.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("origins")
    config = folder / "lineal.toml"
    config.write_text(f'cors_origins = "{ALLOWED}"\n')
    with serving("memory:", folder, "--config", str(config)) as running:
        yield running


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
        {"Sec-Fetch-Site": "something-new"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "SELF"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://evil.example", "Referer": "SELF/graphql"},
        {"Referer": "https://evil.example/page"},
        {"Referer": "SELF.evil.example/page"},
        {"Referer": "http://["},
        {"Referer": "about:blank"},
        {"User-Agent": FIREFOX},
    ],
)
def test_a_page_of_another_origin_sends_nothing(server: Server, headers: dict[str, str]) -> None:
    sent = {name: value.replace("SELF", server.url) for name, value in headers.items()}
    for answer in (
        server.client.get("/graphql", params=QUERY, headers=sent),
        server.client.post("/graphql", json=QUERY, headers=sent),
        server.client.post("/api/v1/lineage", json={}, headers=sent),
        server.client.get("/metrics", headers=sent),
    ):
        assert answer.status_code == 403
        assert "list the page's origin in cors_origins" in answer.text
    page = server.client.get("/graphql", params=QUERY, headers={**sent, "Accept": PAGE})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8"), (
        "a link opens GraphiQL"
    )
    assert server.client.get("/static/graphiql/graphiql.js", headers=sent).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"User-Agent": "curl/8.5.0"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "SELF", "User-Agent": FIREFOX},
        {"Sec-Fetch-Site": "none", "User-Agent": FIREFOX},
        {"Origin": "SELF", "User-Agent": FIREFOX},
        {"Referer": "SELF/graphql?query=%7B", "User-Agent": FIREFOX},
        {"Sec-Fetch-Site": "cross-site", "Origin": ALLOWED},
        {"Origin": ALLOWED},
        {"Referer": f"{ALLOWED}/page", "User-Agent": FIREFOX},
    ],
)
def test_the_user_and_allowed_pages_are_answered(server: Server, headers: dict[str, str]) -> None:
    sent = {name: value.replace("SELF", server.url) for name, value in headers.items()}
    for answer in (
        server.client.get("/graphql", params=QUERY, headers=sent),
        server.client.post("/graphql", json=QUERY, headers=sent),
    ):
        assert answer.json()["data"] == {"viewer": {"account": "local"}}


def test_the_log_names_the_origin(server: Server) -> None:
    server.client.get("/graphql", params=QUERY, headers={"Origin": "https://named.example"})
    logged = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert any(each.get("origin") == "https://named.example" for each in logged)
