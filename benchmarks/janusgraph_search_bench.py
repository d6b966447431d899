"""Searches on JanusGraph through its index, beside the same searches by looking through the entities of the kinds.

    scripts/bench --search-janusgraph [ENTITIES [LOOKED]]

One JanusGraph on BerkeleyJE, with trial components that have properties no schema declares. Rounds alternate, and both
ways must give the same page; LOOKED, 5 or fewer, is in how many rounds entities are looked through. Prints a table in
Markdown of minimum and median milliseconds.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from statistics import median
from typing import Final
from unittest.mock import patch

from engines import Engine

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batches import Batch, NewEntity
from lineal.graphstore.gremlin import entity_pages
from lineal.graphstore.gremlin.store import GremlinStore
from lineal.graphstore.gremlin.transport import Address
from lineal.graphstore.kinds import EntityKind, PropertyType
from lineal.graphstore.queries import EntityFilter, Find, Operand, PropertyFilter, StringFilter
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.store import EntityPage, Store
from lineal.graphstore.values import Property

ROUNDS: Final = 5
_AT_ONCE: Final = 1000
_SECONDS: Final = 600.0


def _trial(number: int) -> NewEntity:
    drawn = Random(number)
    properties = (
        Property("hyperparameters.learning_rate", PropertyType.FLOAT, drawn.random()),
        Property("hyperparameters.epochs", PropertyType.INTEGER, drawn.randrange(100)),
        Property("code.commit", PropertyType.STRING, f"{drawn.getrandbits(160):040x}"),
        Property("cost", PropertyType.INTEGER, number),
    )
    return NewEntity("a", EntityKind.TRIAL_COMPONENT, f"run-{number:07}", properties=properties, occurred_at=number)


def _questions(count: int) -> dict[str, Find]:
    commit = next(property.value for property in _trial(count // 2).properties if property.key == "code.commit")
    integer = PropertyType.INTEGER

    def where(key: str, **operators: object) -> EntityFilter:
        return EntityFilter((EntityKind.TRIAL_COMPONENT,), property=(PropertyFilter(key, **operators),))  # type: ignore[arg-type]

    filters = {
        "equal to a text": where("code.commit", eq=Operand(PropertyType.STRING, str(commit))),
        "a text that begins so": where("code.commit", starts_with=str(commit)[:8]),
        "a text that holds": where("code.commit", contains=str(commit)[5:15]),
        "50 values in a range": where("cost", gte=Operand(integer, count // 2), lt=Operand(integer, count // 2 + 50)),
        "a hundredth: equal to a number": where("hyperparameters.epochs", eq=Operand(integer, 7)),
        "a name that holds": EntityFilter(name=StringFilter(contains=f"{count // 2:07}")),
    }
    view = View(EVERYTHING, AsOf(2**62))
    questions = {name: Find(view, property) for name, property in filters.items()}
    return questions | {"search: a word": Find(view, search=str(commit)[:12])}


async def _timed(store: Store, question: Find) -> tuple[float, EntityPage]:
    began = time.perf_counter()
    (page,) = await store.find([question])
    return (time.perf_counter() - began) * 1000, page


async def _measure(url: str, count: int, looked_in: int) -> None:
    async with await GremlinStore.opened(Address.parsed(url), _SECONDS) as store:
        began = time.perf_counter()
        for start in range(0, count, _AT_ONCE):
            await store.record(Batch(tuple(map(_trial, range(start, min(count, start + _AT_ONCE))))), by="bench")
        seconds = time.perf_counter() - began
        print(f"{count:,} entities recorded in {seconds:.0f} s, {count / seconds:,.0f} a second\n")
        print("| what | matches | index, ms: min / median | looked through, ms: min / median | ratio of medians |")
        print("|---|---|---|---|---|")
        for name, question in _questions(count).items():
            await _timed(store, question)
            by_index, looked = [], []
            for number in range(ROUNDS):
                took, page = await _timed(store, question)
                by_index.append(took)
                if number >= looked_in:
                    continue
                with patch.object(entity_pages, "alternatives_of", lambda question, groups: None):
                    took, other = await _timed(store, question)
                looked.append(took)
                assert (page.total, [entity.urn for entity in page.items]) == (
                    other.total,
                    [entity.urn for entity in other.items],
                )
            ratio = f"{median(looked) / median(by_index):.0f}" if looked else ""
            print(f"| {name} | {page.total:,} | {_told(by_index)} | {_told(looked)} | {ratio} |", flush=True)


def _told(taken: list[float]) -> str:
    return f"{min(taken):.1f} / {median(taken):.1f}" if taken else ""


def main(count: int = 100_000, looked_in: int = ROUNDS) -> None:
    """Start a JanusGraph, fill it, and measure."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine("janusgraph", Path(folder))
        try:
            engine.start()
            asyncio.run(_measure(engine.url, count, looked_in))
        finally:
            engine.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
