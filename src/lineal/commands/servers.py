"""HTTP clients of Lineal servers, with the credentials of the environment."""

import os
from typing import Final

import httpx

from lineal.graphstore.errors import StoreError

DEFAULT_SERVER: Final = "http://127.0.0.1:8000"
TOKEN_VARIABLE: Final = "LINEAL_TOKEN"  # noqa: S105 (the name of a variable)
"""The variable of the token or API key: the list of processes would show a flag."""


def server_client(url: str | None) -> httpx.AsyncClient:
    """An HTTP client of a server, with the token or API key of the environment."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(base_url=url or DEFAULT_SERVER, headers=headers, timeout=120)


def check_admitted(answer: httpx.Response) -> None:
    """Raise StoreError, with a remedy, if the server did not authenticate the caller."""
    if answer.status_code == 401:
        has_token = TOKEN_VARIABLE in os.environ
        raise StoreError(
            f"the server rejects the credential in {TOKEN_VARIABLE}: get a new token or API key"
            if has_token
            else f"the server requires authentication: put a token or an API key into {TOKEN_VARIABLE}"
        )
