"""Recording of observations: series of metrics in one batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lineal.graphstore.batches import Batch, NewObservation
from lineal.graphstore.checks import checked_urns
from lineal.graphstore.errors import BatchRefused, Problem, ProblemCode
from lineal.graphstore.records import AsOf, Entity, View
from lineal.graphstore.urns import entity_id
from lineal.resolvers.context import Context
from lineal.resolvers.recording import (
    MOST_PARTS,
    ProblemPath,
    UserError,
    idempotency_of,
    integer,
    sized_fingerprint,
    user_errors_at,
)
from lineal.resolvers.references import Refs
from lineal.resolvers.write_permissions import WriteAuthorization

MOST_OBSERVATIONS: Final = 10_000
"""Greatest number of observations of a batch."""
_OF_SERIES: Final = ("entity", "metric")
"""Fields that a series sets for all its observations."""


@dataclass(frozen=True, slots=True)
class ObservationsRecorded:
    """Result of observationsRecord."""

    new_count: int = 0
    entities: Sequence[Entity] = ()
    user_errors: Sequence[UserError] = ()


async def observations_record(context: Context, input: Any) -> ObservationsRecorded:
    """Record the observations of some series: all of them or nothing."""
    authorization = None
    positions = [(index, at) for index, series in enumerate(input.series) for at in range(len(series.observations))]
    try:
        _refuse_too_many("series", len(input.series), MOST_PARTS)
        _refuse_too_many("observations", len(positions), MOST_OBSERVATIONS)
        refs = Refs(context, [])
        await refs.look_up([series.entity for series in input.series])
        batch = await context.compute(_checked_batch, refs, input)
        authorization = await WriteAuthorization.of(context, batch, (), refs.groups_by_id)
        fingerprint = await context.compute(sized_fingerprint, "observationsRecord", batch)
        key = idempotency_of(input.idempotency_key, fingerprint)
        done = await context.store.record(batch, by=context.principal.shown, idempotency=key, audit=authorization.audit)
    except BatchRefused as refused:
        problems = (
            refused.problems if authorization is None else tuple(map(authorization.shown_problem, refused.problems))
        )
        return ObservationsRecorded(user_errors=user_errors_at(problems, _in_input(positions)))
    # Observations that were recorded before may have been recorded since the request began.
    recorded_at = done.recorded_at or (await context.store.newest()).recorded_at
    view = View(context.view().scope, AsOf(max(recorded_at, context.newest.recorded_at)))
    observed = dict.fromkeys(entity_id(observation.entity) for observation in batch.observations)
    entities = await context.store.entities(view, list(observed))
    return ObservationsRecorded(sum(done.observations_are_new), [entity for entity in entities if entity is not None])


def _checked_batch(refs: Refs, input: Any) -> Batch:
    """The batch of an observationsRecord, its references looked up. Raises BatchRefused."""
    urns = [refs.urn(series.entity, ("series", index, "entity")) for index, series in enumerate(input.series)]
    refs.refuse()
    batch = Batch(
        observations=tuple(
            _observation(urn, series.metric, observation)
            for urn, series in zip(urns, input.series, strict=True)
            for observation in series.observations
        )
    )
    checked_urns(batch)
    return batch


def _observation(urn: str, metric: str, input: Any) -> NewObservation:
    step = 0 if input.step is None else integer("step", input.step)
    return NewObservation(urn, metric, input.value, step, input.occurred_at)


def _refuse_too_many(name: str, count: int, most: int) -> None:
    if count > most:
        sentence = f"The input holds {count} {name}; the most is {most}: send several requests."
        raise BatchRefused((Problem(ProblemCode.TOO_LARGE, sentence, ("series",)),))


def _in_input(positions: Sequence[tuple[int, int]]) -> Callable[[ProblemPath], ProblemPath]:
    """The path in the input of a path in the batch, from the (series, index) of each observation of the batch."""

    def in_input(path: ProblemPath) -> ProblemPath:
        if path[:1] != ("observations",):
            return path
        index, at = positions[int(path[1])]
        field = path[2:]
        return (
            ("series", index, *field)
            if field[:1] and field[0] in _OF_SERIES
            else ("series", index, "observations", at, *field)
        )

    return in_input
