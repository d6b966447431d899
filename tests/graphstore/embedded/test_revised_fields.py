"""What a revision, a read and an event cost does not grow with the number of revisions before."""

from collections.abc import Awaitable, Callable

from record_builders import entity, properties

from lineal.auth.scopes import EVERYTHING
from lineal.capture.openlineage import receive
from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.embedded.store import EmbeddedStore
from lineal.graphstore.opening import open_store
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.urns import entity_id

FIRST, MANY, WINDOW = 30, 500, 60
"""How many revisions precede the early and the late window, and how many each holds: FTS5 merges in bursts."""


async def _steps(store: EmbeddedStore, work: Callable[[int], Awaitable[None]], numbers: range) -> int:
    """The steps that SQLite's virtual machine takes for some work, in tens."""
    counted = 0

    def count() -> bool:
        nonlocal counted
        counted += 1
        return False

    with store._database.lend() as connection:
        connection.set_progress_handler(count, 10, id="steps")
    try:
        for number in numbers:
            await work(number)
    finally:
        with store._database.lend() as connection:
            connection.set_progress_handler(None, id="steps")
    return counted


async def _early_and_late(store: EmbeddedStore, work: Callable[[int], Awaitable[None]]) -> tuple[int, int]:
    for number in range(1, FIRST):
        await work(number)
    early = await _steps(store, work, range(FIRST, FIRST + WINDOW))
    for number in range(FIRST + WINDOW, MANY):
        await work(number)
    return early, await _steps(store, work, range(MANY, MANY + WINDOW))


async def test_appends_and_reads_cost_the_same_after_many() -> None:
    store = await open_store("memory:")
    assert isinstance(store, EmbeddedStore)
    async with store:
        new = await store.record(Batch(entities=(entity("a"),)), by="me", returning=EVERYTHING)
        (found,) = new.entities
        assert found is not None
        urn = found.urn

        async def append_and_read(step: int) -> None:
            revision = NewRevision(urn, properties=properties(step=step), occurred_at=step)
            await store.record(Batch(revisions=(revision,)), by="me", returning=EVERYTHING)
            view = View(EVERYTHING, AsOf(await store.watermark()))
            (read,) = await store.entities(view, [entity_id(urn)])
            assert read is not None
            assert [each.value for each in read.properties] == [step]

        early, late = await _early_and_late(store, append_and_read)
        assert late <= 1.5 * early


async def test_events_of_a_job_cost_the_same_after_many() -> None:
    store = await open_store("memory:")
    assert isinstance(store, EmbeddedStore)
    async with store:

        async def event(number: int) -> None:
            sql = {"_producer": "p", "_schemaURL": "s", "query": f"select {number % 2}"}
            whole = {
                "eventType": "COMPLETE",
                "eventTime": f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z",
                "producer": "p",
                "schemaURL": "s",
                "run": {"runId": f"01900000-0000-7000-8000-{number:012}"},
                "job": {"namespace": "n", "name": "j", "facets": {"sql": sql}},
            }
            await receive(store, whole, account="a", by="me")

        early, late = await _early_and_late(store, event)
        assert late <= 1.5 * early


async def test_the_same_change_again_and_again_is_kept_and_indexed_once() -> None:
    store = await open_store("memory:")
    assert isinstance(store, EmbeddedStore)
    async with store:
        new = await store.record(Batch(entities=(entity("a", occurred_at=0),)), by="me", returning=EVERYTHING)
        (found,) = new.entities
        assert found is not None
        urn = found.urn

        async def append_and_look_back(number: int) -> None:
            facets = properties(sql=f"select {number % 2}", owner="team")
            await store.record(Batch(revisions=(NewRevision(urn, properties=facets, occurred_at=number),)), by="me")
            view = View(EVERYTHING, AsOf(await store.watermark(), number - 1))
            (read,) = await store.entities(view, [entity_id(urn)])
            assert read is not None
            expected = properties(owner="team", sql=f"select {(number - 1) % 2}") if number > 1 else ()
            assert read.properties == expected

        for number in range(1, 50):
            await append_and_look_back(number)
        with store._database.lend() as connection:
            assert connection.execute("SELECT count(*) FROM revision").get == 49
            assert connection.execute("SELECT count(*) FROM revision_content").get == 2
            assert connection.execute("SELECT count(*) FROM revised").get == 2
