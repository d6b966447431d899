"""HTTP clients of Lineal servers, with the credentials of the environment."""

import os
from typing import Any, Final

import httpx

from lineal.accepted_values import MAX_PORT, shown_value
from lineal.graphstore.errors import StoreError

DEFAULT_SERVER: Final = "http://127.0.0.1:8000"
TOKEN_VARIABLE: Final = "LINEAL_TOKEN"  # noqa: S105 (the name of a variable)
"""The variable of the token or API key: the list of processes would show a flag."""


def server_client(url: str | None) -> httpx.AsyncClient:
    """An HTTP client of a server, with the token or API key of the environment. Raises StoreError."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not (token.isascii() and token.isprintable()):
        raise StoreError(f"{TOKEN_VARIABLE} holds what no token or API key does: set it again, without line breaks")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        address = httpx.URL(DEFAULT_SERVER if url is None else url)
    except (httpx.InvalidURL, ValueError) as error:
        raise StoreError(f"--url is {shown_value(url)} ({error}): give one such as {DEFAULT_SERVER}") from None
    if address.scheme not in ("http", "https") or not address.host or not 0 < (address.port or 80) <= MAX_PORT:
        raise StoreError(f"--url is {shown_value(url)}: give one such as {DEFAULT_SERVER}")
    return httpx.AsyncClient(base_url=address, headers=headers, timeout=120)


def json_answer(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer. Raises StoreError for anything else: what answers is then no server of Lineal."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise StoreError(
            f"{answer.url} answers with status {answer.status_code}, and not as a server of Lineal: check --url"
        )
    return body


def check_admitted(answer: httpx.Response) -> None:
    """Raise StoreError, with a remedy, if the server did not authenticate the caller."""
    if answer.status_code == 401:
        has_token = TOKEN_VARIABLE in os.environ
        raise StoreError(
            f"the server rejects the credential in {TOKEN_VARIABLE}: get a new token or API key"
            if has_token
            else f"the server requires authentication: put a token or an API key into {TOKEN_VARIABLE}"
        )
