"""Records OpenLineage events by a caller of the server, with the permissions of the caller."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Final

from lineal.capture.lenient_json import InvalidDocument, read_json
from lineal.capture.openlineage import InvalidEvent, mapped_event, record_event
from lineal.graphstore.errors import BatchRefused
from lineal.graphstore.quarantine import Quarantined
from lineal.metrics import Metrics
from lineal.resolvers.context import Context
from lineal.resolvers.write_permissions import authorize
from lineal.threads import LARGE_BYTES

_MAX_PROBLEMS: Final = 20
"""The most problems that are kept with a refused document, or that an answer to its retry holds."""


def shown_problems(problems: Iterable[str]) -> tuple[str, ...]:
    """The first problems, without what is no text."""
    return tuple(problem.encode(errors="replace").decode() for problem in islice(problems, _MAX_PROBLEMS))


async def record_by_caller(context: Context, event: object, account: str) -> bool:
    """Record an event as lineage of an account; gives whether anything of it was new.

    Raises InvalidEvent, BatchRefused where the caller lacks a permission, Unavailable and LimitExceeded.
    """
    mapped = await context.compute(mapped_event, event, account)
    by, permit = context.principal.shown, partial(authorize, context)
    return await record_event(context.store, mapped, by=by, permit=permit)


async def record_document(metrics: Metrics, context: Context, kept: Quarantined) -> Sequence[str]:
    """Record a document in quarantine as lineage of its account; gives the problems where it is refused again.

    Raises Unavailable and LimitExceeded.
    """
    context = replace(context, is_large=kept.size > LARGE_BYTES)
    try:
        event = await context.compute(read_json, kept.document)
        is_new = await record_by_caller(context, event, kept.account)
    except InvalidDocument as invalid:
        return shown_problems([str(invalid)])
    except InvalidEvent as invalid:
        return shown_problems(invalid.problems)
    except BatchRefused as refused:
        metrics.openlineage.labels("denied").inc()
        return shown_problems(problem.message for problem in refused.problems)
    metrics.openlineage.labels("new" if is_new else "known").inc()
    return []
