"""The audit log."""

import strawberry

from lineal.schema.connections import ListEdge, PageInfo
from lineal.schema.scalars import DateTime


@strawberry.input(description="Which records of the audit log. All given must hold.")
class AuditFilter:
    principal: str | None = strawberry.field(default=None, description="Of this principal, as `account/name`.")
    action: str | None = strawberry.field(default=None, description="Of this permission or mutation.")
    resource: str | None = strawberry.field(default=None, description="On this: a URN, or the id of a group or share.")
    is_allowed: bool | None = strawberry.field(default=None, description="Allowed, or denied.")
    since: DateTime | None = strawberry.field(default=None, description="At this time or later.")
    until: DateTime | None = strawberry.field(default=None, description="At this time or earlier.")


@strawberry.type(
    description="One decision, as logged. Records are never changed, and each holds a digest of the one before it."
)
class AuditRecord:
    at: DateTime = strawberry.field(description="When it was decided; no two records are of one time.")
    principal: str = strawberry.field(description="Who asked, as `account/name`.")
    action: str = strawberry.field(description="What was asked for: a permission, or a mutation by its name.")
    resource_kind: str = strawberry.field(
        description="What it was asked on: ENTITY, GROUP, SHARE, INVITATION, ACCOUNT or KEY."
    )
    resource: str = strawberry.field(description="Which: a URN, an id, or an account's name.")
    is_allowed: bool = strawberry.field(description="Whether it was allowed.")
    policies: list[str] = strawberry.field(
        description="The policies and shares that decided it, of those the caller may know of: `GROUP/POLICY`, "
        "`share/ID`."
    )
    request_id: str = strawberry.field(description="The request it was decided in: the answer's `X-Request-Id`.")
    sequence: int | None = strawberry.field(
        description="Its place in the log. Told, as the digests are, to who reads the whole log: the gaps in one "
        "account's part of it would tell of the others."
    )
    previous: str | None = strawberry.field(description="The digest of the record before it; empty for the first.")
    digest: str | None = strawberry.field(
        description="SHA-256 over its content and `previous`, as 64 hexadecimal digits."
    )


@strawberry.type(description="A page of the audit log, the newest first.")
class AuditLogConnection:
    edges: list[ListEdge[AuditRecord]] = strawberry.field(description="The page, with cursors.")
    nodes: list[AuditRecord] = strawberry.field(description="The page, without cursors.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
