"""Encoding of access records as the documents of an access store, and decoding: JSON with sorted keys."""

from dataclasses import asdict
from enum import StrEnum
from typing import Any

import orjson

from lineal.auth.access_store import Document
from lineal.auth.permissions import Permission
from lineal.auth.records import (
    Account,
    ApiKey,
    IdempotencyRecord,
    Invitation,
    InvitationState,
    LineageGroup,
    ResourceShare,
    ShareTarget,
)
from lineal.auth.scopes import Boundary

Record = Account | LineageGroup | ResourceShare | Invitation | ApiKey | IdempotencyRecord


class DocumentType(StrEnum):
    """The type of record in a document."""

    ACCOUNT = "ACCOUNT"
    GROUP = "GROUP"
    SHARE = "SHARE"
    INVITATION = "INVITATION"
    KEY = "KEY"
    REPEAT = "REPEAT"


def document(record: Record) -> Document:
    """Return the document of a record."""
    content = orjson.dumps(asdict(record), default=sorted, option=orjson.OPT_SORT_KEYS).decode()
    match record:
        case Account():
            return Document(DocumentType.ACCOUNT, record.name, content)
        case LineageGroup():
            return Document(DocumentType.GROUP, record.id, content)
        case ResourceShare():
            return Document(DocumentType.SHARE, record.id, content)
        case Invitation():
            return Document(DocumentType.INVITATION, record.id, content)
        case ApiKey():
            return Document(DocumentType.KEY, record.id, content)
        case IdempotencyRecord():
            return Document(DocumentType.REPEAT, record.id, content)


def account(content: str) -> Account:
    """Decode an account."""
    return Account(**orjson.loads(content))


def group(content: str) -> LineageGroup:
    """Decode a group."""
    fields = orjson.loads(content)
    boundary = fields.pop("boundary")
    return LineageGroup(**fields, boundary=None if boundary is None else Boundary(boundary))


def share(content: str) -> ResourceShare:
    """Decode a share."""
    fields = orjson.loads(content)
    return ResourceShare(
        **fields
        | {
            "groups": tuple(fields["groups"]),
            "targets": tuple(ShareTarget(**target) for target in fields["targets"]),
            "actions": _permissions(fields["actions"]),
            "kinds": None if fields["kinds"] is None else frozenset(fields["kinds"]),
            "redacted": frozenset(fields["redacted"]),
        }
    )


def invitation(content: str) -> Invitation:
    """Decode an invitation."""
    fields = orjson.loads(content)
    return Invitation(**fields | {"state": InvitationState(fields["state"])})


def key(content: str) -> ApiKey:
    """Decode an API key."""
    fields = orjson.loads(content)
    permissions = fields["permissions"]
    return ApiKey(
        **fields
        | {
            "roles": frozenset(fields["roles"]),
            "permissions": None if permissions is None else _permissions(permissions),
        }
    )


def idempotency_record(content: str) -> IdempotencyRecord:
    """Decode an idempotency record."""
    return IdempotencyRecord(**orjson.loads(content))


def _permissions(names: list[Any]) -> frozenset[Permission]:
    return frozenset(map(Permission, names))
