"""OpenLineage documents that were refused."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access, on_own_account
from lineal.auth.permissions import Permission
from lineal.graphstore.quarantine import Quarantined
from lineal.resolvers import quarantine as resolve
from lineal.schema import arguments as arg
from lineal.schema.connections import ListConnection
from lineal.schema.entities import Info
from lineal.schema.permissions import QuarantineDiscardErrorCode, QuarantineRetryErrorCode
from lineal.schema.scalars import DateTime
from lineal.schema.user_errors import UserError


@strawberry.type(
    description="OpenLineage event, or body of a request, that was refused. The server keeps it for a time, whole and "
    "outside of lineage."
)
class QuarantinedDocument:
    id: strawberry.ID = strawberry.field(
        description="Id of the document, as the answer that refused it names it. Sent again, a document has the same "
        "id."
    )
    account: str = strawberry.field(description="Account of the principal that sent it.")
    received_at: DateTime = strawberry.field(description="Time at which it was last received.")
    received_by: str = strawberry.field(description="Principal that last sent it, as `account/name`.")
    problems: list[str] = strawberry.field(
        description="Reasons why it was refused then, in sentences, at most 20. A retry does not change them."
    )
    run: str | None = strawberry.field(description="Id of its run, at most 500 characters; null if it names none.")
    job: str | None = strawberry.field(description="Name of its job, at most 500 characters; null if it names none.")
    size: int = strawberry.field(name="bytes", description="Size of the document in bytes.")

    @strawberry.field(
        description="Document as it was sent, as text; bytes that are not UTF-8 appear as U+FFFD. Null if it was "
        "removed meanwhile. The documents of one answer may hold 16 MiB together; a single one may be larger."
    )
    async def document(self, info: Info) -> str | None:
        kept: Quarantined = self  # type: ignore[assignment]
        return await resolve.document(info.context, kept)


@strawberry.input(
    description="Condition on refused documents. All fields that are set must hold; null is not set. A date without a "
    "time is its midnight in UTC."
)
class QuarantineFilter:
    run: str | None = strawberry.field(default=None, description="Id of the run, as the document states it.")
    job: str | None = strawberry.field(default=None, description="Name of the job, as the document states it.")
    received_by: str | None = strawberry.field(
        default=None, description="Principal that last sent it, as `account/name`."
    )
    problem: str | None = strawberry.field(
        default=None, description="Text within one of the problems, letter case included."
    )
    since: DateTime | None = strawberry.field(default=None, description="Earliest time at which it was last received.")
    until: DateTime | None = strawberry.field(default=None, description="Time before which it was last received.")


@strawberry.type(description="Queries about refused documents.")
class QuarantineQueries:
    @strawberry.field(
        description="OpenLineage documents of the viewer's account that were refused, newest first. They stay until "
        "they are recorded, discarded or too old, or until newer ones need their space.",
        **access(Permission.MANAGE_QUARANTINE, on_own_account),
    )
    async def quarantine(
        self,
        info: Info,
        ids: Annotated[
            list[strawberry.ID] | None,
            strawberry.argument(description="Ids of the documents, at most 100; all documents by default."),
        ] = None,
        where: Annotated[
            QuarantineFilter | None, strawberry.argument(description="Condition on the documents; all by default.")
        ] = None,
        first: arg.First = 20,
        after: arg.After = None,
    ) -> ListConnection[QuarantinedDocument]:
        return await resolve.quarantine(info.context, ids, where, first, after)  # type: ignore[return-value]


_IDS = "Ids of the documents, at most 100; null where `where` is given."
_WHERE = (
    "Condition on the documents, in place of `ids`; `{}` means all. A request takes the newest that match, at most 100 "
    "and at most 16 MiB together, unless a single one is larger."
)
_AFTER = "`endCursor` of the previous request with the same `where`, to go on after its documents."


@strawberry.input(description="Documents to retry: either `ids` or `where`.")
class QuarantineRetryInput:
    ids: list[strawberry.ID] | None = strawberry.field(default=None, description=_IDS)
    where: QuarantineFilter | None = strawberry.field(default=None, description=_WHERE)
    after: str | None = strawberry.field(default=None, description=_AFTER)


@strawberry.input(description="Documents to discard: either `ids` or `where`.")
class QuarantineDiscardInput:
    ids: list[strawberry.ID] | None = strawberry.field(default=None, description=_IDS)
    where: QuarantineFilter | None = strawberry.field(default=None, description=_WHERE)
    after: str | None = strawberry.field(default=None, description=_AFTER)


@strawberry.type(description="Reason why quarantineRetry changed nothing.")
class QuarantineRetryError(UserError):
    code: QuarantineRetryErrorCode = strawberry.field(description="Type of problem.")


@strawberry.type(description="Reason why quarantineDiscard changed nothing.")
class QuarantineDiscardError(UserError):
    code: QuarantineDiscardErrorCode = strawberry.field(description="Type of problem.")


@strawberry.type(description="Document that was retried.")
class RetriedDocument:
    id: strawberry.ID = strawberry.field(description="Id of the document.")
    is_recorded: bool = strawberry.field(
        description="Whether it is recorded, and no longer in quarantine; false if it was refused again."
    )
    problems: list[str] = strawberry.field(
        description="Reasons why it was refused again, in sentences, at most 20; empty if it is recorded."
    )


_END = "Position after the last of these documents, for `after`; null if no more documents match `where`."


@strawberry.type(description="Result of quarantineRetry.")
class QuarantineRetryPayload:
    documents: list[RetriedDocument] = strawberry.field(
        description="Documents in the order of the ids, without repeats, or newest first; empty if none was retried."
    )
    end_cursor: str | None = strawberry.field(description=_END)
    user_errors: list[QuarantineRetryError] = strawberry.field(
        description="Reasons why none was retried; empty if the documents were retried."
    )


@strawberry.type(description="Result of quarantineDiscard.")
class QuarantineDiscardPayload:
    ids: list[strawberry.ID] = strawberry.field(
        description="Ids of the discarded documents, without repeats; empty if none was discarded."
    )
    end_cursor: str | None = strawberry.field(description=_END)
    user_errors: list[QuarantineDiscardError] = strawberry.field(
        description="Reasons why none was discarded; empty if the documents were discarded."
    )


@strawberry.type(description="Mutations of refused documents.")
class QuarantineMutations:
    @strawberry.mutation(
        description="Records refused documents as the caller, who needs the permissions that sending them needs. Each "
        "document is recorded whole, and leaves the quarantine, or is refused again. The permission is needed on the "
        "default group of the caller's account.",
        **access(Permission.MANAGE_QUARANTINE),
    )
    async def quarantine_retry(
        self, info: Info, input: Annotated[QuarantineRetryInput, strawberry.argument(description="Documents to retry.")]
    ) -> QuarantineRetryPayload:
        return await resolve.retry(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Removes refused documents for good. The permission is needed on the default group of the caller's "
        "account.",
        **access(Permission.MANAGE_QUARANTINE),
    )
    async def quarantine_discard(
        self,
        info: Info,
        input: Annotated[QuarantineDiscardInput, strawberry.argument(description="Documents to discard.")],
    ) -> QuarantineDiscardPayload:
        return await resolve.discard(info.context, input)  # type: ignore[return-value]
