"""Relations between entities by the conventions of the domain model: the typed fields of kinds.

Each is a walk of one or two hops, and the fields of any number of siblings take one round trip. Hidden and restricted
entities are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import AssociationType, EntityKind, LineageDirection, LineageType
from lineal.graphstore.queries import AssociationFilter, EntityFilter, Limits, Reach, ReachPosition, StringFilter, Walk
from lineal.graphstore.records import Entity, View
from lineal.graphstore.store import Reached, ReachPage
from lineal.resolvers.context import Context
from lineal.resolvers.cursors import Cursors, as_of_cursor
from lineal.resolvers.errors import BadInput
from lineal.resolvers.pages import FIRST_RELATED, MOST, Connection, checked_first, connection

MOST_SORTED: Final = 100_000
"""Greatest number of related entities that are sorted in memory."""

ROOT: Final = "root"
"""Role of the association of the topmost run with one further below than its children."""
_GROUPING: Final = (AssociationType.ASSOCIATED_WITH,)
FLOW: Final = (AssociationType.CONTRIBUTED_TO, AssociationType.PRODUCED, AssociationType.DERIVED_FROM)
_UP: Final = LineageDirection.ASCENDANTS
_DOWN: Final = LineageDirection.DESCENDANTS


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation of an entity to those that match `where`, across one association of these types.

    With `through`, also across two, with an entity of that kind between them; with `without_role`, not across
    associations of that role.
    """

    name: str
    direction: LineageDirection
    types: tuple[AssociationType, ...]
    where: EntityFilter
    through: EntityKind | None = None
    without_role: str | None = None

    def narrowed(self, *conditions: EntityFilter) -> "Relation":
        """The relation to those related entities that also match all conditions."""
        return replace(self, where=EntityFilter(and_=(self.where, *conditions))) if conditions else self

    def question(
        self, view: View, ids: tuple[str, ...], limits: Limits, first: int, after: ReachPosition | None = None
    ) -> Reach:
        """The question for a page of the entities that are related to any of the entities with these ids."""
        stop_at = None if self.through is None else EntityFilter(not_=EntityFilter(kind=(self.through,)))
        depth = 1 if self.through is None else 2
        role = None if self.without_role is None else AssociationFilter(role=StringFilter(eq=self.without_role))
        via = AssociationFilter(type=self.types, not_=role)
        walk = Walk(view, ids, self.direction, depth=depth, stop_at=stop_at, via=via, limits=limits)
        return Reach(walk, self.where, first, after)


def _kinds(*kinds: EntityKind) -> EntityFilter:
    return EntityFilter(kind=kinds)


_ARTIFACTS: Final = EntityFilter(lineage_type=(LineageType.ARTIFACT,))
_SHOWN: Final = EntityFilter(lineage_type=tuple(each for each in LineageType if each is not LineageType.RESTRICTED))
_STEPS: Final = _kinds(
    EntityKind.TRIAL_COMPONENT, EntityKind.TRAINING_JOB, EntityKind.PROCESSING_JOB, EntityKind.TRANSFORM_JOB
)
_RUNS: Final = _kinds(
    EntityKind.TRAINING_JOB, EntityKind.PROCESSING_JOB, EntityKind.TRANSFORM_JOB, EntityKind.PIPELINE_EXECUTION
)

EXPERIMENT_OF_TRIAL: Final = Relation("experiment", _UP, _GROUPING, _kinds(EntityKind.EXPERIMENT))
TRIALS_OF_EXPERIMENT: Final = Relation("trials", _DOWN, _GROUPING, _kinds(EntityKind.TRIAL))
COMPONENTS_OF_TRIAL: Final = Relation("components", _DOWN, _GROUPING, _STEPS)
INPUTS_OF_EXECUTION: Final = Relation("inputs", _UP, FLOW, _ARTIFACTS)
OUTPUTS_OF_EXECUTION: Final = Relation("outputs", _DOWN, FLOW, _ARTIFACTS)
RUNS_OF_PIPELINE: Final = Relation("runs", _DOWN, _GROUPING, _RUNS)
PIPELINE_OF_RUN: Final = Relation("pipeline", _UP, _GROUPING, _kinds(EntityKind.PIPELINE))
PARENT_OF_RUN: Final = Relation("parent", _UP, _GROUPING, _RUNS, without_role=ROOT)
CHILDREN_OF_RUN: Final = Relation("children", _DOWN, _GROUPING, _RUNS, without_role=ROOT)
FEATURES_OF_DATASET: Final = Relation("features", _DOWN, _GROUPING, _kinds(EntityKind.FEATURE))
DATASET_OF_FEATURE: Final = Relation("dataset", _UP, _GROUPING, _kinds(EntityKind.DATASET))
VERSIONS_BEHIND_ENDPOINT: Final = Relation(
    "modelVersions", _UP, FLOW, _kinds(EntityKind.MODEL_VERSION), EntityKind.DEPLOYMENT
)
PRODUCERS_OF_MODEL: Final = Relation("producers", _UP, (AssociationType.PRODUCED,), _SHOWN)
GROUPS_OF_MODEL: Final = Relation(
    "groups", LineageDirection.CONNECTED, _GROUPING, _kinds(EntityKind.MODEL_GROUP), EntityKind.MODEL_VERSION
)
VERSIONS_OF_GROUP: Final = Relation("versions", _DOWN, _GROUPING, _kinds(EntityKind.MODEL_VERSION))
GROUP_OF_VERSION: Final = Relation("group", _UP, _GROUPING, _kinds(EntityKind.MODEL_GROUP))
MODEL_OF_VERSION: Final = Relation("model", _UP, _GROUPING, _kinds(EntityKind.MODEL))
APPROVALS_OF_VERSION: Final = Relation("approvals", _DOWN, _GROUPING, _kinds(EntityKind.APPROVAL))
VERSION_OF_APPROVAL: Final = Relation("modelVersion", _UP, _GROUPING, _kinds(EntityKind.MODEL_VERSION))


async def related(
    context: Context, parent: Entity, relation: Relation, first: int | None, after: str | None
) -> Connection[Entity]:
    """A page of the related entities, the nearest first, then by urn."""
    view = context.nested(parent.view)
    page_cursors, position = context.cursors(relation.name, view, parent.id), None
    if after is not None:
        page_cursors, position = page_cursors.read(after, ReachPosition)
        view = as_of_cursor(view, page_cursors)
    return await related_page(context, view, (parent.id,), relation, page_cursors, first, position)


async def related_page(
    context: Context,
    view: View,
    ids: tuple[str, ...],
    relation: Relation,
    page_cursors: Cursors,
    first: int | None,
    position: ReachPosition | None,
) -> Connection[Entity]:
    """A page of the entities that are related to any of the entities with these ids, from a position on."""
    question = relation.question(view, ids, context.limits, checked_first(first, FIRST_RELATED, MOST), position)
    page = await _reached(context, question)
    positions = {_entity(item).id: item.position for item in page.items}
    nodes = [_entity(item) for item in page.items]
    return connection(nodes, lambda item: page_cursors.make(positions[item.id]), page.has_next, page.total, page.counts)


async def one_related(context: Context, parent: Entity, relation: Relation) -> Entity | None:
    """The related entity; of several, the first by urn."""
    page = await _reached(context, relation.question(context.nested(parent.view), (parent.id,), context.limits, 1))
    return _entity(page.items[0]) if page.items else None


async def all_related(context: Context, view: View, id: str, relation: Relation) -> Sequence[Entity]:
    """All related entities of the entity of an id, by urn. Raises LimitExceeded where they are too many."""
    page = await _reached(context, relation.question(context.nested(view), (id,), context.limits, MOST_SORTED))
    if page.has_next:
        raise LimitExceeded(
            f"{relation.name} would sort {page.total} entities; the most is {MOST_SORTED}: ask for `associations`, "
            "which come in pages."
        )
    return [_entity(item) for item in page.items]


async def _reached(context: Context, question: Reach) -> ReachPage:
    return _finished(await context.loaders.reach.load(question))


def _finished(page: ReachPage | None) -> ReachPage:
    if page is None:
        raise BadInput("you may no longer read this entity: ask again")
    if page.cut_at is not None:
        raise LimitExceeded(
            "This entity has more related entities than one query may visit: ask for its `associations`."
        )
    return page


def reached_of(page: ReachPage | None) -> Sequence[Entity]:
    """The entities of a page of a relation. Raises LimitExceeded where a limit cut the walk."""
    return [_entity(item) for item in _finished(page).items]


def _entity(reached: Reached) -> Entity:
    assert isinstance(reached.entity, Entity), "a filter by kind matches no restricted entity"
    return reached.entity
