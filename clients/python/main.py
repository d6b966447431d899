"""Records and reads the lineage of a small experiment, and prints what it read as JSON."""

import asyncio
import json
import os
from collections.abc import AsyncIterator

from lineal_client import (
    AsOf,
    AssociationInput,
    AssociationType,
    Client,
    EntityInput,
    EntityKind,
    EntityRef,
    EntityStatus,
    GraphQLClientGraphQLMultiError,
    LineageRecordInput,
    ObservationInput,
    ObservationsRecordInput,
    PropertyInput,
    PropertyValueInput,
    SeriesInput,
)
from lineal_client.downstream import DownstreamEntityDescendantsEdges, DownstreamEntityDescendantsEdgesNodeModel

RAW, JOB = "lineal:local:DATASET:raw@1", "lineal:local:TRAINING_JOB:fit"
TRIALS = ["lineal:local:TRIAL:a", "lineal:local:TRIAL:b"]
MODELS = [f"lineal:local:MODEL:m{number}" for number in range(25)]
ROWS = 2**53 + 1

# A batch is recorded whole or not at all. `idempotency_key` makes it safe to send again.
BATCH = LineageRecordInput(
    idempotency_key="example-1",
    entities=[
        EntityInput(
            kind=EntityKind.DATASET,
            name="raw",
            version="1",
            properties=[PropertyInput(key="rows", value=PropertyValueInput(int_=ROWS))],
        ),
        EntityInput(kind=EntityKind.TRAINING_JOB, name="fit", status=EntityStatus.IN_PROGRESS),
        *(EntityInput(kind=EntityKind.MODEL, name=f"m{number}") for number in range(25)),
        *(
            EntityInput(
                kind=EntityKind.TRIAL,
                name=name,
                properties=[PropertyInput(key="learning_rate", value=PropertyValueInput(float_=rate))],
            )
            for name, rate in (("a", 0.1), ("b", 10.0))
        ),
    ],
    associations=[
        AssociationInput(
            source=EntityRef(urn=RAW),
            destination=EntityRef(urn=JOB),
            type_=AssociationType.CONTRIBUTED_TO,
            role="train",
        ),
        *(
            AssociationInput(source=EntityRef(urn=JOB), destination=EntityRef(urn=urn), type_=AssociationType.PRODUCED)
            for urn in MODELS
        ),
    ],
)
ABSENT = EntityRef(urn="lineal:local:DATASET:absent")
REFUSED = LineageRecordInput(
    entities=[EntityInput(kind=EntityKind.MODEL, name="new")],
    associations=[AssociationInput(source=ABSENT, destination=EntityRef(urn=RAW), type_=AssociationType.DERIVED_FROM)],
)
LOSSES = ObservationsRecordInput(
    series=[
        SeriesInput(
            entity=EntityRef(urn=urn),
            metric="loss",
            observations=[ObservationInput(step=step, value=value) for step, value in enumerate(values)],
        )
        for urn, values in zip(TRIALS, ([0.5, 0.25], [0.1, float("nan")]), strict=True)
    ]
)


async def downstream_of(client: Client, urn: str, first: int) -> AsyncIterator[list[DownstreamEntityDescendantsEdges]]:
    """Yield the pages of all that is downstream of an entity. Raises LookupError if the entity does not exist."""
    after: str | None = None
    while True:
        entity = (await client.downstream(urn, first, after)).entity
        if entity is None:
            raise LookupError(f"{urn} does not exist, or you may not read it")
        yield entity.descendants.edges
        if not entity.descendants.page_info.has_next_page:
            return
        after = entity.descendants.page_info.end_cursor


async def codes_of_refusal(client: Client) -> list[object]:
    """Return the codes of the errors of a request that is refused."""
    try:
        await client.downstream(RAW, 10_000)
    except GraphQLClientGraphQLMultiError as error:
        return [each.extensions["code"] for each in error.errors if each.extensions]
    raise AssertionError("a page of 10,000 is refused")


async def main() -> None:
    """Run the example."""
    token = os.environ.get("LINEAL_TOKEN")
    url = os.environ.get("LINEAL_URL", "http://127.0.0.1:8000")
    client = Client(f"{url}/graphql", {"Authorization": f"Bearer {token}"} if token else None)
    async with client:
        recorded = (await client.record_lineage(BATCH)).lineage_record
        again = (await client.record_lineage(BATCH)).lineage_record
        refused = (await client.record_lineage(REFUSED)).lineage_record
        pages = [edges async for edges in downstream_of(client, RAW, 10)]
        observed = (await client.record_metrics(LOSSES)).observations_record
        entities = [each.entity for each in recorded.entities if each.entity]
        trials = [EntityRef(id=entity.id) for entity in entities if entity.urn in TRIALS]
        comparison = (await client.compare(trials)).comparison
        assert comparison
        (loss,) = comparison.metrics
        before = AsOf(recorded_at=entities[0].recorded_at)
        await client.set_status(JOB, EntityStatus.COMPLETED)
        now, then = (await client.read(JOB)).entity, (await client.read(JOB, before)).entity
        raw = (await client.read(RAW)).entity
        assert now
        assert then
        assert raw
        summary = {
            "newEntities": [sum(each.is_new for each in answer.entities) for answer in (recorded, again)],
            "refused": [{"code": each.code, "path": each.path} for each in refused.user_errors],
            "codes": await codes_of_refusal(client),
            "pages": [len(edges) for edges in pages],
            "distances": sorted({edge.distance or 0 for edges in pages for edge in edges}),
            "models": len(
                {
                    edge.node.urn
                    for edges in pages
                    for edge in edges
                    if isinstance(edge.node, DownstreamEntityDescendantsEdgesNodeModel)
                }
            ),
            "newObservations": observed.new_count,
            "varying": [each.key for each in comparison.parameters],
            "best": loss.best.of.name if loss.best else None,
            "last": [str(cell.metrics[0].last) for cell in loss.cells],
            "nanCounts": [cell.metrics[0].nan_count for cell in loss.cells],
            "statuses": [now.status, then.status],
            "moments": [now.moment is None, then.moment is None],
            "rows": [raw.properties[0].value, int(raw.properties[0].text)],
            "absent": (await client.read("lineal:local:MODEL:absent")).entity,
        }
    print(json.dumps(summary))


asyncio.run(main())
