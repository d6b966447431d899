"""An HTTP client of a server that may die or fail at any moment."""

from typing import Any

import httpx


class Unanswered(Exception):
    """The server died before it answered, or answered that it is unavailable: the outcome is unknown."""


class Refused(Exception):
    """The answer has an error other than UNAVAILABLE, or a user error, which no test of this kind expects."""


class Caller:
    """One principal's requests. A test sets `url` when a server starts."""

    def __init__(self, key: str | None = None, url: str = "") -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.AsyncClient(headers=headers, timeout=60)

    async def ask(self, query: str, **variables: Any) -> Any:
        """The data of an answer; of a mutation, its payload. Raises Unanswered or Refused."""
        response = await self.post("/graphql", {"query": query, "variables": variables})
        answer = response.json()
        if errors := answer.get("errors"):
            codes = {error["extensions"].get("code") for error in errors}
            raise (Unanswered if codes == {"UNAVAILABLE"} else Refused)(errors)
        data = answer["data"]
        if query.lstrip().startswith("mutation"):
            (data,) = data.values()
            if data["userErrors"]:
                raise Refused(data["userErrors"])
        return data

    async def post(self, path: str, body: Any) -> httpx.Response:
        """The response to a JSON body. Raises Unanswered."""
        try:
            return await self._client.post(self.url + path, json=body)
        except httpx.TransportError as error:
            raise Unanswered(repr(error)) from error

    async def close(self) -> None:
        await self._client.aclose()
