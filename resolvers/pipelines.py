"""The data of a pipeline: that of the pipeline itself, and of its latest runs."""

from typing import Final

from lineal.graphstore.queries import ReachPosition
from lineal.graphstore.records import Entity
from lineal.resolvers.context import Context
from lineal.resolvers.cursors import as_of_cursor
from lineal.resolvers.newest_first import time_of
from lineal.resolvers.pages import Connection
from lineal.resolvers.related import RUNS_OF_PIPELINE, Relation, all_related, related_page

MOST_RUNS: Final = 1000
"""How many of the latest runs of a pipeline count for its inputs and outputs."""


async def data_of(
    context: Context, pipeline: Entity, relation: Relation, first: int | None, after: str | None
) -> Connection[Entity]:
    """A page of the entities related to the pipeline or to one of its latest runs, by URN."""
    view = context.nested(pipeline.view)
    page_cursors, position = context.cursors(relation.name, view, pipeline.id), None
    if after is not None:
        page_cursors, position = page_cursors.read(after, ReachPosition)
        view = as_of_cursor(view, page_cursors)
    runs = sorted(await all_related(context, view, pipeline.id, RUNS_OF_PIPELINE), key=time_of, reverse=True)
    starts = (pipeline.id, *(run.id for run in runs[:MOST_RUNS]))
    return await related_page(context, view, starts, relation, page_cursors, first, position)
