"""Requests that a page of another origin makes a browser send.

A server in development mode takes every caller for its administrator, so it must not take such a request for one.
Browsers of today state in `Sec-Fetch-Site` where a request comes from. Older ones name the page in `Origin` or
`Referer`, and a page can suppress both; their user agent gives them away, and no page can change it without a
preflight.
"""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

_OF_THE_USER: Final = ("same-origin", "none")
"""Values of `Sec-Fetch-Site` for a page of this server, and for an address that the user typed or bookmarked."""
_BROWSER: Final = "mozilla/"


def comes_from_another_origin(request: Request, allowed: Collection[str]) -> bool:
    """Whether a request comes, or may come, from a page whose origin is neither the server's nor an allowed one."""
    headers = request.headers
    origin = headers.get("origin")
    if origin in allowed:
        return False
    if "sec-fetch-site" in headers:
        return headers["sec-fetch-site"] not in _OF_THE_USER
    source = origin or _origin(headers.get("referer", ""))
    if source is not None:
        return source not in (*allowed, f"{request.scope['scheme']}://{headers.get('host', '')}")
    return headers.get("user-agent", "").lower().startswith(_BROWSER)


def _origin(address: str) -> str | None:
    """The origin of an address, empty if the address is invalid; None if the address is empty."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if address else None
