"""Clients that make a history: six workloads over the servers of one store, while nemeses disturb the servers."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from math import inf
from random import Random
from time import monotonic
from typing import Any, Final

from histories import Appended, Entry, History, Read, Seen, Switched
from http_caller import Caller, Refused, Unanswered

ENTRIES_OF_A_LOG: Final = 40
PARTS: Final = {"set": 1, "batch": 9, "revision": 1, "series": 1}
"""The parts of an entry, by workload."""
SEED: Final = """mutation ($names: [EntityInput!]!) { lineageRecord(input: {entities: $names})
  { userErrors { message } } }"""

_SET: Final = """mutation ($l: String!, $n: String!) { lineageRecord(input: {entities: [
  {kind: DATASET, name: $n, occurredAt: "2026-01-01T00:00:00Z", tags: [$l]}]})
  { entities { entity { recordedAt } } userErrors { message } } }"""
_READ_SET: Final = """query ($l: String!, $t: DateTime) {
  entities(where: {tag: [$l]}, first: 100, asOf: {recordedAt: $t}) { nodes { name recordedAt } } }"""
_READ_BATCH: Final = """query ($l: String!, $u: String!, $t: DateTime) {
  entities(where: {tag: [$l]}, first: 100, asOf: {recordedAt: $t}) { nodes { name recordedAt } }
  entity(urn: $u, asOf: {recordedAt: $t}) { descendants(first: 1000) { nodes { name recordedAt } }
    associations(first: 100, direction: DESCENDANTS) { nodes { role recordedAt } } } }"""
_REVISE: Final = """mutation ($u: String!, $n: String!, $k: String) { entityRevise(input: {idempotencyKey: $k,
  entity: {urn: $u}, description: $n}) { revision { recordedAt } userErrors { message } } }"""
_READ_REVISIONS: Final = """query ($u: String!, $t: DateTime) { entity(urn: $u, asOf: {recordedAt: $t}) { description
  history(first: 100) { nodes { sequence description recordedAt } } } }"""
_OBSERVE: Final = """mutation ($u: String!, $s: JSON!, $k: String) { observationsRecord(input: {idempotencyKey: $k,
  series: [{entity: {urn: $u}, metric: "loss", observations: [{step: $s, value: 1}]}]}) { userErrors { message } } }"""
_READ_SERIES: Final = """query ($u: String!, $t: DateTime) { entity(urn: $u, asOf: {recordedAt: $t}) {
  metrics { series(first: 1000) { nodes { step recordedAt } } } } }"""
_IN_BATCH: Final = 3


def microseconds(time: str) -> int:
    """A time of an answer, in microseconds since 1970."""
    since = datetime.fromisoformat(time) - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds


class Log:
    """One log of a workload: what appends to it, and what reads it."""

    def __init__(self, workload: str, name: str) -> None:
        self.workload, self.name = workload, name
        self.sent = 0
        self.urn = f"lineal:acme:DATASET:{name}"
        self.times: list[str] = []
        """Recording times that were answered, for reads as of them."""

    async def append(self, caller: Caller, number: int) -> str | None:
        """Send an entry; the time at which it was recorded, where the answer states it."""
        key = f"{self.name}-{number}"
        if self.workload == "set":
            payload = await caller.ask(_SET, l=self.name, n=key)
        elif self.workload == "batch":
            payload = await caller.ask(_batch(self, number), l=self.name)
        elif self.workload == "revision":
            payload = await caller.ask(_REVISE, u=self.urn, n=str(number), k=key)
            return str(payload["revision"]["recordedAt"])
        else:
            await caller.ask(_OBSERVE, u=self.urn, s=number, k=key)
            return None
        entity = payload["entities"][0]["entity"]
        if entity is None:
            raise Refused(f"{key} is acknowledged, and answered as if it were not there")
        return str(entity["recordedAt"])

    async def read(self, caller: Caller, as_of: str | None) -> list[Entry]:
        """The parts of the entries that a read shows."""
        asked: dict[str, Any] = {"t": as_of}
        if self.workload == "set":
            nodes = (await caller.ask(_READ_SET, l=self.name, **asked))["entities"]["nodes"]
            return [_entry(node["name"].rsplit("-")[-1], node) for node in nodes]
        if self.workload == "batch":
            found = await caller.ask(_READ_BATCH, l=self.name, u=self.urn, **asked)
            hub = found["entity"]
            nodes = [*found["entities"]["nodes"], *(hub["descendants"]["nodes"] if hub else [])]
            entries = [_entry(node["name"].split("-")[1].split("x")[0], node) for node in nodes]
            ends = hub["associations"]["nodes"] if hub else []
            return entries + [_entry(node["role"], node) for node in ends]
        entity = (
            await caller.ask(_READ_REVISIONS if self.workload == "revision" else _READ_SERIES, u=self.urn, **asked)
        )["entity"]
        if entity is None:
            return []
        if self.workload == "series":
            return [_entry(node["step"], node) for metric in entity["metrics"] for node in metric["series"]["nodes"]]
        nodes = entity["history"]["nodes"]
        if [node["sequence"] for node in nodes] != [*range(1, len(nodes) + 1)]:
            raise Refused(f"{self.name}: revisions are not in their order: {nodes}")
        last = nodes[-1]["description"] if nodes else None
        if entity["description"] != last:
            raise Refused(f"{self.name}: the description is {entity['description']}, the last revision's is {last}")
        return [_entry(node["description"], node) for node in nodes]


def _entry(number: Any, node: dict[str, Any]) -> Entry:
    return int(number), microseconds(node["recordedAt"])


def _batch(log: Log, number: int) -> str:
    names = [f"{log.name}-{number}x{part}" for part in range(_IN_BATCH)]
    entities = [f'{{kind: DATASET, name: "{name}", occurredAt: "2026-01-01T00:00:00Z", tags: [$l]}}' for name in names]
    associations = [
        f'{{source: {{urn: "{log.urn}"}}, destination: {{urn: "lineal:acme:DATASET:{name}"}}, type: CONTRIBUTED_TO, '
        f'role: "{number}"}}'
        for name in names
    ]
    return f"""mutation ($l: String!) {{ lineageRecord(input: {{entities: [{", ".join(entities)}],
      associations: [{", ".join(associations)}]}}) {{ entities {{ entity {{ recordedAt }} }}
      userErrors {{ message }} }} }}"""


class Load:
    """The clients. `owners` and `guests` are callers of each server, for the two principals."""

    def __init__(self, owners: list[Caller], guests: list[Caller], random: Random) -> None:
        self.owners, self.guests, self.random = owners, guests, random
        self.history = History()
        self.refused = 0
        self._logs: list[Log] = []
        self._current: dict[str, Log] = {}
        self._texts: dict[tuple[str, str], list[Entry]] = {}
        self._stopped = False
        self._member, self._is_member, self._keys = 0, False, 0

    async def seed(self) -> None:
        """Make the group and the entity of the switch that the guest sees, and the first logs."""
        for workload in PARTS:
            await self._new_log(workload)
        await self._new_member()
        payload = await self._until_done(
            lambda caller: caller.ask("""mutation { lineageGroupCreate(input: {name: "shown", idempotencyKey: "shown"})
              { group { id } userErrors { message } } }""")
        )
        self._group = payload["group"]["id"]
        policy = 'permit(principal == Lineal::Principal::"guest/bob", action, resource);'
        await self._until_done(
            lambda caller: caller.ask(
                """mutation ($i: ID!, $p: String!) { lineageGroupPolicySet(input: {id: $i, policy: $p})
                { userErrors { message } } }""",
                i=self._group,
                p=policy,
            )
        )

    async def run(self, seconds: float) -> None:
        """Let the clients work for a time, and read every log once more when they have ended."""
        self._stopped = False
        works = [self._append] * 3 + [self._read] * 2 + [self._change_group, self._see_group, self._revoke]
        tasks = [asyncio.create_task(self._again(work)) for work in works]
        await asyncio.sleep(seconds)
        self._stopped = True
        await asyncio.gather(*tasks)

    async def read_all(self) -> None:
        """Read every log, as all servers are well."""
        for log in self._logs:
            for caller in self.owners:
                try:
                    await self._read_log(log, caller, None)
                except Refused as refused:
                    self.history.errors.append(str(refused))

    async def _again(self, work: Callable[[], Awaitable[None]]) -> None:
        while not self._stopped:
            try:
                await work()
            except Unanswered:
                self.refused += 1
                await asyncio.sleep(0.02)
            except Refused as refused:
                self.history.errors.append(str(refused))
                await asyncio.sleep(0.05)

    async def _until_done(self, ask: Callable[[Caller], Awaitable[Any]]) -> Any:
        """Send something to any server until it is acknowledged."""
        while True:
            try:
                return await ask(self.random.choice(self.owners))
            except Unanswered:
                self.refused += 1
                await asyncio.sleep(0.02)

    async def _new_log(self, workload: str) -> Log:
        log = Log(workload, f"{workload}{len(self._logs)}")
        self.history.parts[log.name] = PARTS[workload]
        self._logs.append(log)
        if workload != "set":
            names = [{"kind": "DATASET", "name": log.name}]
            await self._until_done(lambda caller: caller.ask(SEED, names=names))
        self._current[workload] = log
        return log

    async def _append(self) -> None:
        workload = self.random.choice([*PARTS])
        log = self._current[workload]
        most = ENTRIES_OF_A_LOG if workload != "batch" else ENTRIES_OF_A_LOG // _IN_BATCH * 2
        if log.sent >= most:
            log = await self._new_log(workload)
        log.sent += 1
        number, began = log.sent, monotonic()
        at, ended = None, inf
        try:
            at = await log.append(self.random.choice(self.owners), number)
            ended = monotonic()
        except Unanswered:
            # Some are never sent again, and their outcome stays unknown.
            if workload in ("revision", "series") and self.random.random() < 0.8:
                at = await self._until_done(lambda caller: log.append(caller, number))
                ended = monotonic()
        finally:
            recorded_at = None if at is None else microseconds(at)
            self.history.appended.append(Appended(log.name, number, began, ended, recorded_at))
        if at is not None:
            log.times.append(at)
        if workload in ("revision", "series") and self.random.random() < 0.3:
            # A client that did not hear the answer sends it again, to any server.
            await log.append(self.random.choice(self.owners), number)
        elif ended < inf and self.random.random() < 0.3:
            await self._read_log(log, self.random.choice(self.owners), None)

    async def _read(self) -> None:
        log = self.random.choice(self._logs[-6:])
        as_of = self.random.choice(log.times) if log.times and self.random.random() < 0.4 else None
        await self._read_log(log, self.random.choice(self.owners), as_of)

    async def _read_log(self, log: Log, caller: Caller, as_of: str | None) -> None:
        began = monotonic()
        entries = await log.read(caller, as_of)
        recorded_at = None if as_of is None else microseconds(as_of)
        self.history.reads.append(Read(log.name, tuple(entries), began, monotonic(), recorded_at))
        if as_of is not None and entries != self._texts.setdefault((log.name, as_of), entries):
            self.history.errors.append(f"{log.name}: two reads as of {as_of} differ")

    async def _change_group(self) -> None:
        """Let the member join the group, or leave it."""
        switch, value = f"member{self._member}", not self._is_member
        part, began = ("addEntities" if value else "removeEntities"), monotonic()
        query = f"""mutation ($i: ID!) {{ lineageGroupChange(input: {{id: $i, {part}: [
          {{urn: "lineal:acme:DATASET:{switch}"}}]}}) {{ userErrors {{ message }} }} }}"""
        try:
            await self.random.choice(self.owners).ask(query, i=self._group)
        except Unanswered:
            # The change may be made at any later time, so this member tells nothing more: there is a new one.
            self.history.switched.append(Switched(switch, value, began, inf))
            await self._new_member()
            raise
        self._is_member = value
        self.history.switched.append(Switched(switch, value, began, monotonic()))
        await self._see_group()

    async def _new_member(self) -> None:
        names = [{"kind": "DATASET", "name": f"member{self._member + 1}"}]
        await self._until_done(lambda caller: caller.ask(SEED, names=names))
        self._member, self._is_member = self._member + 1, False
        self.history.switched.append(Switched(f"member{self._member}", False, 0, 0))

    async def _see_group(self) -> None:
        """Whether the guest sees the member."""
        switch, began = f"member{self._member}", monotonic()
        query = "query ($u: String!) { entity(urn: $u) { name } }"
        found = await self.random.choice(self.guests).ask(query, u=f"lineal:acme:DATASET:{switch}")
        self.history.seen.append(Seen(switch, found["entity"] is not None, began, monotonic()))

    async def _revoke(self) -> None:
        """Make a key, use it at every server, revoke it, and use it again."""
        self._keys += 1
        name, began = f"key{self._keys}", monotonic()
        payload = await self.owners[0].ask(
            """mutation ($n: String!) { apiKeyCreate(input: {name: $n}) { key { id } text userErrors { message } } }""",
            n=name,
        )
        self.history.switched.append(Switched(name, True, began, monotonic()))
        callers = [Caller(payload["text"], owner.url) for owner in self.owners]
        try:
            await self._use(name, callers)
            began = monotonic()
            query = "mutation ($i: ID!) { apiKeyRevoke(input: {id: $i}) { userErrors { message } } }"
            await self._until_done(lambda caller: caller.ask(query, i=payload["key"]["id"]))
            self.history.switched.append(Switched(name, False, began, monotonic()))
            await self._use(name, callers)
        finally:
            for caller in callers:
                await caller.close()

    async def _use(self, name: str, callers: list[Caller]) -> None:
        for caller in callers:
            began = monotonic()
            with suppress(Unanswered):
                response = await caller.post("/graphql", {"query": "{ viewer { principal } }"})
                if response.status_code in (200, 401):
                    self.history.seen.append(Seen(name, response.status_code == 200, began, monotonic()))
