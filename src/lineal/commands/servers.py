"""Servers that commands ask, and who they ask as."""

import os
from typing import Final

import httpx

from lineal.graphstore.errors import StoreError

DEFAULT_SERVER: Final = "http://127.0.0.1:8000"
TOKEN_VARIABLE: Final = "LINEAL_TOKEN"  # noqa: S105 (the name of a variable)
"""Where the token or API key is that a server is asked with: a flag would show in the list of processes."""


def server_client(url: str | None) -> httpx.AsyncClient:
    """A client of a server, as whoever the environment's token or key speaks for."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(base_url=url or DEFAULT_SERVER, headers=headers, timeout=120)


def check_admitted(answer: httpx.Response) -> None:
    """Raise StoreError, with a remedy, if the server does not authenticate the caller."""
    if answer.status_code == 401:
        has_token = TOKEN_VARIABLE in os.environ
        raise StoreError(
            f"the server does not accept what {TOKEN_VARIABLE} holds: get a new token or API key"
            if has_token
            else f"the server needs to know the caller: put a token or an API key into {TOKEN_VARIABLE}"
        )
