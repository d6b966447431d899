"""The data of a pipeline: that of the pipeline itself, and of its latest runs."""

from collections.abc import Sequence
from typing import Final

from lineal.graphstore.queries import ReachPosition
from lineal.graphstore.records import Entity
from lineal.resolvers.context import Context
from lineal.resolvers.cursors import as_of_cursor
from lineal.resolvers.newest_first import time_of
from lineal.resolvers.pages import Connection
from lineal.resolvers.related import RUNS_OF_PIPELINE, Relation, all_related, related_page
from lineal.resolvers.suggestions import MOST_WARNINGS

MOST_RUNS: Final = 1000
"""How many of the latest runs of a pipeline count for its inputs and outputs."""


async def data_of(
    context: Context,
    pipeline: Entity,
    relation: Relation,
    path: Sequence[str | int],
    first: int | None,
    after: str | None,
) -> Connection[Entity]:
    """A page of the entities related to the pipeline or to one of its latest runs, by URN.

    A warning with the path says so if the pipeline has more runs than count.
    """
    view = context.nested(pipeline.view)
    page_cursors, position = context.cursors(relation.name, view, pipeline.id), None
    if after is not None:
        page_cursors, position = page_cursors.read(after, ReachPosition)
        view = as_of_cursor(view, page_cursors)
    runs = sorted(await all_related(context, view, pipeline.id, RUNS_OF_PIPELINE), key=time_of, reverse=True)
    if len(runs) > MOST_RUNS and len(context.warnings) < MOST_WARNINGS:
        message = (
            f"The {relation.name} are those of the {MOST_RUNS:,} latest of {len(runs):,} runs: ask for the "
            f"{relation.name} of the pipeline's `runs`, page by page, for those of all."
        )
        context.warnings.append(
            {"code": "CUT", "message": message, "path": list(path), "named": pipeline.urn, "suggestion": None}
        )
    starts = (pipeline.id, *(run.id for run in runs[:MOST_RUNS]))
    return await related_page(context, view, starts, relation, page_cursors, first, position)
