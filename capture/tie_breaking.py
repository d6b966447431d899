"""Tie-breaking between events of the same time and rank, so that the order in which they arrive does not matter.

Revisions of one (occurred_at, rank) apply in the order in which they were recorded, which is the order of arrival. So a
value that ties with a recorded one is recorded only if its canonical text is greater, and a removal never wins over a
value.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from lineal.graphstore.batches import NewRevision
from lineal.graphstore.records import Revision
from lineal.graphstore.values import Property, canonical_json

Ordered = TypeVar("Ordered", bound=str | tuple[str, ...])


def without_lost_ties(revision: NewRevision, history: Iterable[Revision]) -> NewRevision | None:
    """The revision without changes that lose a tie against recorded revisions of its time and rank; None if all do."""
    tied = [tie for tie in history if (tie.occurred_at, tie.rank) == (revision.occurred_at, revision.rank)]
    if not tied:
        return revision
    set_by: dict[str, str] = {}
    removed_by: set[str] = set()
    for tie in tied:
        removed_by |= set(tie.removed)
        for property in tie.properties:
            set_by[property.key] = max(_weight(property), set_by.get(property.key, ""))
    left = replace(
        revision,
        status=_greater(revision.status, [tie.status for tie in tied]),
        description=_greater(revision.description, [tie.description for tie in tied]),
        title=_greater(revision.title, [tie.title for tie in tied]),
        tags=_greater(revision.tags, [tie.tags for tie in tied]),
        properties=tuple(p for p in revision.properties if _weight(p) > set_by.get(p.key, "")),
        removed=tuple(key for key in revision.removed if key not in set_by and key not in removed_by),
    )
    nothing = NewRevision(revision.entity, occurred_at=revision.occurred_at, rank=revision.rank)
    return None if left == nothing else left


def _weight(property: Property) -> str:
    return f"{property.type}{canonical_json(property.value)}"


def _greater(sent: Ordered | None, recorded: Iterable[Ordered | None]) -> Ordered | None:
    return None if sent is not None and any(each is not None and each >= sent for each in recorded) else sent  # type: ignore[operator]
