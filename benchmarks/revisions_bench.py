"""What an append and a present read cost after many revisions, beside after few.

    scripts/bench --revisions [janusgraph|gremlin-server]

Starts the server itself, from the libraries that the tests use. One entity has more and more revisions, with two
contents in turn or with a new content each. At each size it is measured in rounds that alternate with those of an
entity of ten revisions, in the same graph: the ratio of the medians is what the revisions before cost. Prints a table
in Markdown, of minimum and median milliseconds.
"""

import asyncio
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable
from pathlib import Path
from statistics import median

from engines import Engine, emptied
from record_builders import EPOCH, entity, id_of, now, properties, urn

from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store

SIZES, FEW, ROUNDS, FILL = (500, 2_000, 10_000), 10, 25, 100
Seconds = defaultdict[tuple[str, str], list[float]]


class Revised:
    """An entity to which revisions are appended."""

    def __init__(self, store: Store, name: str, is_different: bool) -> None:
        self.store, self.name, self.is_different = store, name, is_different
        self.count = 0

    def _next(self) -> NewRevision:
        self.count += 1
        content = self.count if self.is_different else self.count % 2
        facets = properties(sql=f"select {content} from somewhere", owner="a team", version=content)
        return NewRevision(urn(self.name), properties=facets, occurred_at=EPOCH + self.count)

    async def fill(self, size: int) -> None:
        while self.count < size:
            some = tuple(self._next() for _ in range(min(FILL, size - self.count)))
            await self.store.record(Batch(revisions=some), by="me")

    async def append(self) -> None:
        await self.store.record(Batch(revisions=(self._next(),)), by="me")

    async def read(self) -> None:
        (found,) = await self.store.entities(await now(self.store), [id_of(self.name)])
        assert found is not None


async def _timed(seconds: Seconds, what: str, which: str, work: Awaitable[None]) -> None:
    began = time.perf_counter()
    await work
    seconds[what, which].append(time.perf_counter() - began)


async def _measured(few: Revised, many: Revised) -> Seconds:
    seconds: Seconds = defaultdict(list)
    for _ in range(ROUNDS):
        for which, each in (("few", few), ("many", many)):
            await _timed(seconds, "append", which, each.append())
            await _timed(seconds, "read", which, each.read())
    return seconds


def _row(seconds: Seconds, size: int, contents: str) -> str:
    cells = [f"{size:,}", contents]
    for what in ("append", "read"):
        few, many = (seconds[what, which] for which in ("few", "many"))
        cells += [f"{min(each) * 1e3:.1f} / {median(each) * 1e3:.1f}" for each in (few, many)]
        cells.append(f"{median(many) / median(few):.2f}")
    return f"| {' | '.join(cells)} |"


async def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(name, Path(folder))
        engine.start()
        try:
            print("| revisions | contents | append after 10 | append | ratio | read after 10 | read | ratio |")
            print("|---|---|---|---|---|---|---|---|")
            for is_different in (False, True):
                await emptied(engine.url)
                async with await open_store(engine.url) as store:
                    many = Revised(store, "many", is_different)
                    await store.record(Batch((entity("many"),)), by="me")
                    for size in SIZES:
                        few = Revised(store, f"few{size}", is_different)
                        await store.record(Batch((entity(few.name),)), by="me")
                        await few.fill(FEW)
                        await many.fill(size)
                        await asyncio.sleep(3)
                        contents = "a new one each" if is_different else "two in turn"
                        print(_row(await _measured(few, many), size, contents), flush=True)
        finally:
            engine.stop()


if __name__ == "__main__":
    asyncio.run(main((sys.argv[1:] or ["janusgraph"])[0]))
