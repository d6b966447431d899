"""Trials by their own fields and by those of their components."""

from typing import Any, Final

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import EntityKind, LineageDirection
from lineal.graphstore.queries import AssociationFilter, EntityFilter, Find, Reach, ReachPosition, StringFilter, Walk
from lineal.graphstore.records import Entity, View
from lineal.resolvers.context import Context
from lineal.resolvers.cursors import as_of_cursor
from lineal.resolvers.entities import entities
from lineal.resolvers.filters import entity_filter
from lineal.resolvers.pages import Connection
from lineal.resolvers.related import COMPONENTS_OF_TRIAL, TRIALS_OF_EXPERIMENT, reached_of, related_page

MOST_COMPONENTS: Final = 5000
"""Greatest number of components that may match `componentWhere`, and of trials that have them."""


async def trials(
    context: Context,
    where: Any,
    component_where: Any,
    search: str | None,
    order_by: Any,
    as_of: Any,
    first: int | None,
    after: str | None,
) -> Connection[Entity]:
    """A page of the trials that match, and that have a component that matches `component_where`, where it is set.

    Raises LimitExceeded where more than MOST_COMPONENTS components match.
    """
    of_component = entity_filter(component_where)

    async def narrowed(view: View) -> EntityFilter | None:
        return None if of_component is None else await _with_component(context, view, of_component)

    return await entities(
        context, where, search, order_by, as_of, first, after, EntityKind.TRIAL, narrowed=narrowed, by=of_component
    )


async def trials_of(
    context: Context, experiment: Entity, where: Any, component_where: Any, first: int | None, after: str | None
) -> Connection[Entity]:
    """A page of the trials of an experiment that match, by URN. Raises as `trials` does."""
    of_trial, of_component = entity_filter(where), entity_filter(component_where)
    view = context.nested(experiment.view)
    page_cursors, position = context.cursors("trials", view, experiment.id, of_trial, of_component), None
    if after is not None:
        page_cursors, position = page_cursors.read(after, ReachPosition)
        view = as_of_cursor(view, page_cursors)
    conditions = [
        condition
        for condition in (of_trial, of_component and await _with_component(context, view, of_component))
        if condition
    ]
    relation = TRIALS_OF_EXPERIMENT.narrowed(*conditions)
    return await related_page(context, view, (experiment.id,), relation, page_cursors, first, position)


async def _with_component(context: Context, view: View, where: EntityFilter) -> EntityFilter:
    """The condition that a trial has a component that matches. Two round trips, whatever the number of trials."""
    components = EntityFilter(and_=(COMPONENTS_OF_TRIAL.where, where))
    matches = await context.loaders.find.load(Find(view, components, first=MOST_COMPONENTS))
    if matches.has_next:
        raise LimitExceeded(
            f"componentWhere matches {matches.total} components; the most is {MOST_COMPONENTS}: add conditions to it"
        )
    if not matches.items:
        return EntityFilter(or_=())
    via = AssociationFilter(type=COMPONENTS_OF_TRIAL.types)
    ids = tuple(component.id for component in matches.items)
    walk = Walk(view, ids, LineageDirection.ASCENDANTS, depth=1, via=via, limits=context.limits)
    page = await context.loaders.reach.load(Reach(walk, EntityFilter(kind=(EntityKind.TRIAL,)), MOST_COMPONENTS))
    if page is not None and page.has_next:
        raise LimitExceeded(
            f"componentWhere matches components of {page.total} trials; the most is {MOST_COMPONENTS}: add conditions"
        )
    return EntityFilter(urn=StringFilter(in_=tuple(trial.urn for trial in reached_of(page))))
