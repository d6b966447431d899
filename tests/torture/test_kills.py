"""Random kills: a server is killed at random moments under eight clients that send every kind of mutation.

A journal says what was acknowledged. After each start everything in it is there, a step that was under way is there
whole or not at all, and sent again it is recorded once.
"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic

import pytest
from http_caller import Caller, Unanswered
from keys import make_account, make_key
from server_process import Server, serving
from stories import GUEST, OWNER, SEED, STEPS, Story, check_lists, lists, traces
from torture import chance, percentile, rounds

pytestmark = pytest.mark.faults

CLIENTS = 8


class Client:
    """One client, which tells one story after the other."""

    def __init__(self, number: int, owner: Caller, guest: Caller) -> None:
        self.owner, self.guest = owner, guest
        self.told: list[Story] = []
        self._numbers = iter(range(number, 10**9, CLIENTS))
        self.story = Story(next(self._numbers))
        self.under_way: str | None = None
        """The step that was sent and not acknowledged, when the server died."""

    async def tell(self) -> None:
        """Send step after step until the server dies."""
        with suppress(Unanswered):
            while True:
                await self.step()

    async def step(self) -> None:
        """Send the next step; a repeat of one that is under way has the same key."""
        step = self.under_way = self.story.next_step
        if step is None:
            self.told.append(self.story)
            self.story = Story(next(self._numbers))
            step = self.under_way = "lineageRecord"
        await STEPS[step](self.owner, self.guest, self.story)
        self.story.done.append(step)
        self.under_way = None

    async def check(self, story: Story) -> None:
        """Fail where a step of a story is lost or half there."""
        found = await traces(self.owner, story)
        for step, parts in found.items():
            assert len(set(parts)) == 1, f"{step} of story {story.number} is half there: {parts}"
            if step in story.done:
                assert parts[0], f"acknowledged and lost: {step} of story {story.number}"
            elif not (story is self.story and step == self.under_way):
                assert not parts[0], f"{step} of story {story.number} is there, and was never sent"


async def test_random_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAL_REQUESTS_PER_MINUTE", "0")
    url, random = f"sqlite:///{tmp_path}/lineal.db", chance("kills")
    await asyncio.to_thread(make_account, url, OWNER, "--operator")
    await asyncio.to_thread(make_account, url, GUEST)
    keys = [await asyncio.to_thread(make_key, url, each, "ann", "--role", "admin") for each in (OWNER, GUEST)]
    owner, guest = Caller(keys[0]), Caller(keys[1])
    clients = [Client(number, owner, guest) for number in range(CLIENTS)]
    seeded, starts, resent = False, [], 0
    for _ in rounds(short=5, whole=2000, share=0.25):
        began = monotonic()
        server, end = await asyncio.to_thread(_started, url, tmp_path, keys[0])
        owner.url = guest.url = server.url
        if not seeded:
            await owner.ask(SEED)
            seeded = True
        await clients[0].check(clients[0].story)
        starts.append(monotonic() - began)
        resent += sum(client.under_way is not None for client in clients)
        for client in clients:
            await client.check(client.story)
            for story in client.told[-2:]:
                await client.check(story)
        telling = [asyncio.create_task(client.tell()) for client in clients]
        await asyncio.sleep(random.uniform(0, 0.6))
        failures = [task.exception() for task in telling if task.done()]
        assert not any(failures), failures
        server.process.send_signal(signal.SIGKILL)
        await asyncio.gather(*telling)
        assert await asyncio.to_thread(server.process.wait, 30) == -9
        await asyncio.to_thread(end)
    server, end = await asyncio.to_thread(_started, url, tmp_path, keys[0])
    owner.url = guest.url = server.url
    try:
        for client in clients:
            if client.under_way is not None:
                await client.step()
            for story in [*client.told, client.story]:
                await client.check(story)
        stories = [story for client in clients for story in [*client.told, client.story]]
        check_lists(await lists(owner), stories)
    finally:
        await owner.close()
        await guest.close()
        server.stop()
        await asyncio.to_thread(end)
    verified = [sys.executable, "-m", "lineal", "audit", "verify", "--store", url]
    await asyncio.to_thread(subprocess.run, verified, check=True, timeout=300)
    steps = sum(len(story.done) for story in stories)
    print(
        f"{len(starts)} kills, {steps} acknowledged mutations, {resent} sent again; start to first right answer: "
        f"median {percentile(starts, 0.5):.2f} s, p99 {percentile(starts, 0.99):.2f} s"
    )
    assert steps > 0
    assert resent > 0


def _started(url: str, folder: Path, key: str) -> tuple[Server, Callable[[], None]]:
    stack = ExitStack()
    return stack.enter_context(serving(url, folder, token=key)), stack.close
