"""Records of access as the documents a ledger keeps, and back: JSON with its keys in order."""

from dataclasses import asdict
from enum import StrEnum
from typing import Any

import orjson

from lineal.auth.access_store import Document
from lineal.auth.permissions import Permission
from lineal.auth.records import (
    Account,
    ApiKey,
    Invitation,
    InvitationState,
    LineageGroup,
    Repeat,
    ResourceShare,
    ShareTarget,
)
from lineal.auth.scopes import Boundary

Record = Account | LineageGroup | ResourceShare | Invitation | ApiKey | Repeat


class Part(StrEnum):
    """What a document is."""

    ACCOUNT = "ACCOUNT"
    GROUP = "GROUP"
    SHARE = "SHARE"
    INVITATION = "INVITATION"
    KEY = "KEY"
    REPEAT = "REPEAT"


def document(record: Record) -> Document:
    """The document that keeps a record."""
    content = orjson.dumps(asdict(record), default=sorted, option=orjson.OPT_SORT_KEYS).decode()
    match record:
        case Account():
            return Document(Part.ACCOUNT, record.name, content)
        case LineageGroup():
            return Document(Part.GROUP, record.id, content)
        case ResourceShare():
            return Document(Part.SHARE, record.id, content)
        case Invitation():
            return Document(Part.INVITATION, record.id, content)
        case ApiKey():
            return Document(Part.KEY, record.id, content)
        case Repeat():
            return Document(Part.REPEAT, record.id, content)


def account(content: str) -> Account:
    """The account that a document's content keeps."""
    return Account(**orjson.loads(content))


def group(content: str) -> LineageGroup:
    """The group that a document's content keeps."""
    kept = orjson.loads(content)
    boundary = kept.pop("boundary")
    return LineageGroup(**kept, boundary=None if boundary is None else Boundary(boundary))


def share(content: str) -> ResourceShare:
    """The share that a document's content keeps."""
    kept = orjson.loads(content)
    return ResourceShare(
        **kept
        | {
            "groups": tuple(kept["groups"]),
            "targets": tuple(ShareTarget(**target) for target in kept["targets"]),
            "actions": _permissions(kept["actions"]),
            "kinds": None if kept["kinds"] is None else frozenset(kept["kinds"]),
            "redacted": frozenset(kept["redacted"]),
        }
    )


def invitation(content: str) -> Invitation:
    """The invitation that a document's content keeps."""
    kept = orjson.loads(content)
    return Invitation(**kept | {"state": InvitationState(kept["state"])})


def key(content: str) -> ApiKey:
    """The API key that a document's content keeps."""
    kept = orjson.loads(content)
    limited_to = kept["permissions"]
    return ApiKey(
        **kept
        | {
            "roles": frozenset(kept["roles"]),
            "permissions": None if limited_to is None else _permissions(limited_to),
        }
    )


def repeat(content: str) -> Repeat:
    """The request that a document's content keeps."""
    return Repeat(**orjson.loads(content))


def _permissions(names: list[Any]) -> frozenset[Permission]:
    return frozenset(map(Permission, names))
