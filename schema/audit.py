"""The audit log."""

import strawberry

from lineal.schema.connections import ListEdge, PageInfo
from lineal.schema.scalars import DateTime


@strawberry.input(description="Condition on records of the audit log. A record must match every field that is set.")
class AuditFilter:
    principal: str | None = strawberry.field(default=None, description="Principal, as `account/name`.")
    action: str | None = strawberry.field(
        default=None, description="Permission, for example `READ`, or name of a mutation."
    )
    resource: str | None = strawberry.field(
        default=None,
        description="URN of an entity, id of a group, share, invitation, key or refused document, or name "
        "of an account.",
    )
    is_allowed: bool | None = strawberry.field(
        default=None, description="True for allowed actions, false for denied ones."
    )
    since: DateTime | None = strawberry.field(default=None, description="Earliest time, inclusive.")
    until: DateTime | None = strawberry.field(default=None, description="Latest time, inclusive.")


@strawberry.type(
    description="Decision in the audit log. Records never change, and every record holds the digest of the record "
    "before it."
)
class AuditRecord:
    at: DateTime = strawberry.field(description="Time of the decision, unique in the log.")
    principal: str = strawberry.field(description="Principal that made the request, as `account/name`.")
    action: str = strawberry.field(description="Permission, for example `READ`, or name of a mutation.")
    resource_kind: str = strawberry.field(
        description="Type of the resource: ENTITY, GROUP, SHARE, INVITATION, ACCOUNT, KEY or DOCUMENT."
    )
    resource: str = strawberry.field(
        description="URN of an entity, name of an account, or id of anything else. Empty if the record stands for "
        "denials on several resources."
    )
    is_allowed: bool = strawberry.field(description="Whether the action was allowed.")
    policies: list[str] = strawberry.field(
        description="Policies and shares that decided, of those the caller may know of, as `GROUP/POLICY` and "
        "`share/ID`."
    )
    request_id: str = strawberry.field(
        description="Id of the request, as in the `X-Request-Id` header of its response; of the first request if the "
        "record stands for several denials."
    )
    count: int = strawberry.field(
        description="Number of decisions that the record stands for. Where a principal is denied the same action often "
        "within a minute, the first denials have records of their own, and one record stands for all others."
    )
    examples: list[str] = strawberry.field(
        description="First resources, at most 5, of the denials that the record stands for. Empty for a record of one "
        "decision."
    )
    sequence: int | None = strawberry.field(
        description="Position in the log, from 1. Null, like the digests, unless the caller reads the log of all "
        "accounts: gaps in the positions would reveal how much other accounts do."
    )
    previous: str | None = strawberry.field(
        description="`digest` of the record before; empty for the first record. Null where `sequence` is."
    )
    digest: str | None = strawberry.field(
        description="SHA-256 of the record's content and `previous`, as 64 hexadecimal digits. Null where "
        "`sequence` is."
    )


@strawberry.type(description="Page of the audit log, newest first.")
class AuditLogConnection:
    edges: list[ListEdge[AuditRecord]] = strawberry.field(description="Records of the page, with cursors.")
    nodes: list[AuditRecord] = strawberry.field(description="Records of the page, without cursors.")
    page_info: PageInfo = strawberry.field(
        description="Whether there are further pages, and the cursors to continue from."
    )
