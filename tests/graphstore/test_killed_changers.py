"""Processes that change access are killed, again and again: each change is whole afterwards, or not there at all."""

import asyncio
import random
import signal
import sys
from pathlib import Path

import access_writer_process
import pytest
from engines import GRAPH_SERVERS, Engine, emptied
from record_builders import entity, id_of, now

from lineal.auth.access_store import AccessChange, AuditQuestion, Document, EpochConflict, Membership, chained
from lineal.auth.scopes import default_group
from lineal.graphstore.batches import Batch
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store

pytestmark = pytest.mark.slow

KILLS = 5
NUMBERS = 2000


@pytest.fixture(params=["sqlite", *GRAPH_SERVERS])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store is that processes can open."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kept.db"
    engine: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    await emptied(engine.url)
    return engine.url


async def killed(url: str, first: int, seconds: float) -> list[int]:
    """The numbers that a process acknowledged before it was killed, so many seconds after the first of them."""
    program = str(Path(access_writer_process.__file__))
    process = await asyncio.create_subprocess_exec(
        sys.executable, program, url, str(first), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines = [await asyncio.wait_for(process.stdout.readline(), 60)]
    await asyncio.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    lines += (await process.stdout.read()).splitlines()
    await process.wait()
    return [int(line) for line in lines]


async def settled(store: Store) -> None:
    """Change access once more, so that what was left half done is done."""
    while True:
        try:
            await store.change_access(
                AccessChange((Document("group", "settled", "x"),)), epoch=(await store.newest()).epoch
            )
        except EpochConflict:
            continue
        return


async def there(store: Store) -> set[int]:
    """The numbers that are there; all of them whole."""
    news = await store.access_since(0)
    documents = {int(each.id) for each in news.documents if each.id != "settled"}
    numbers = range(0, NUMBERS, 2)
    entity_groups = await store.entity_groups([id_of(f"n{number}") for number in numbers])
    moved = set()
    for number, each in zip(numbers, entity_groups, strict=True):
        assert each is not None
        extra = each.groups - {default_group("a")}
        assert extra in ({"old"}, {f"new{number}"})
        if extra != {"old"}:
            moved.add(number)
    odd = range(1, NUMBERS, 2)
    entities = await store.entities(await now(store), [id_of(f"batch{number}") for number in odd])
    recorded = {number for number, each in zip(odd, entities, strict=True) if each is not None}
    log = (await store.audit_log(AuditQuestion(None, first=NUMBERS))).items[::-1]
    last = None
    for record in log:
        assert [record] == chained(last, record.at, [record.entry])
        last = record
    numbered = [int(record.entry.resource) for record in log]
    assert len(numbered) == len(set(numbered))
    assert documents == moved
    assert {*numbered} == documents | recorded
    return documents | recorded


async def test_killed_while_they_change_access(url: str) -> None:
    chance = random.Random(5)
    async with await open_store(url) as store:
        names = [f"n{number}" for number in range(0, NUMBERS, 2)]
        await store.record(Batch(tuple(map(entity, names))), by="me")
        joins = tuple(Membership("old", id_of(name)) for name in names)
        await store.change_access(AccessChange(joins=joins), epoch=0)
        acknowledged: set[int] = set()
        first = 0
        for _ in range(KILLS):
            numbers = await killed(url, first, chance.uniform(0, 0.3))
            assert numbers == list(range(first, numbers[-1] + 1))
            assert numbers[-1] < NUMBERS - 2
            acknowledged |= {*numbers}
            first = numbers[-1] + 2 + numbers[-1] % 2
            await settled(store)
            answer = await there(store)
            assert acknowledged <= answer
            assert all(number - 1 in acknowledged for number in answer - acknowledged)
