"""One batch into the graph, under a turn: judged, written with its stamp, and made visible by its commit."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from gremlin_python.process.graph_traversal import GraphTraversal
from gremlin_python.process.traversal import P, T
from gremlin_python.statics import long

from lineal.auth.access_store import AuditEntry
from lineal.auth.scopes import EVERYTHING, default_group
from lineal.graphstore import index_terms
from lineal.graphstore.batch_validation import (
    IDEMPOTENCY_MISMATCH,
    KEPT_MICROSECONDS,
    BatchValidation,
    Outcome,
    RecordedRevisions,
    Stands,
    now,
)
from lineal.graphstore.batches import Batch, Idempotency, NewAssociation, NewEntity
from lineal.graphstore.codes import KIND_CODES, KIND_MASK, SAME_AS, TYPES, AssociationKey, ObservationKey
from lineal.graphstore.content_codec import packed_properties
from lineal.graphstore.errors import BatchRefused, Unavailable
from lineal.graphstore.gremlin import metric_series
from lineal.graphstore.gremlin.aborted_batches import AbortedBatchCleanup, packed_plan
from lineal.graphstore.gremlin.audit_log import AuditLog
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.codec import packed_entity, packed_line, packed_revision
from lineal.graphstore.gremlin.filter_steps import FOLDED
from lineal.graphstore.gremlin.mixed_index import ENTITY, TOUCHED_AT, WORDS, terms_beside, tokens, wait_until_shown
from lineal.graphstore.gremlin.property_keys import PROPERTY_KEY
from lineal.graphstore.gremlin.reader import Reader
from lineal.graphstore.gremlin.record_cache import Urns
from lineal.graphstore.gremlin.snapshots import Snapshot
from lineal.graphstore.gremlin.upserts import Edge, Fields, chunks_of, edge_steps, vertex_steps, widening_steps
from lineal.graphstore.gremlin.vertex_ids import (
    GROUP,
    key_of,
    number_of_group,
    number_of_id,
    vertex_of_key,
    vertex_of_note,
)
from lineal.graphstore.gremlin.writer_lease import WriterLease
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.recorded_state import as_new_association, as_new_entity
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.urns import entity_id

_VERTICES_AT_ONCE: Final = 500
_EDGES_AT_ONCE: Final = 500
_VERTICES_IN_FLIGHT: Final = 2
_EDGES_IN_FLIGHT: Final = 1
"""One: TinkerGraph breaks, for good, where two requests add edges to one vertex at once."""


class RecordedState:
    """`batch_validation.RecordedState` by traversals, at the moment of a turn."""

    def __init__(self, server: GremlinClient, snapshot: Snapshot, urns: Urns) -> None:
        self._server = server
        self._reader = Reader(server, View(EVERYTHING, AsOf(snapshot.watermark)), snapshot, urns)

    def prefetch(self, batch: Batch, urns: list[str], *others: GraphTraversal) -> list[list[Any]]:
        """Load all that a batch names, in one journey, with some other questions asked beside."""
        named = {*urns, *(revision.entity for revision in batch.revisions)}
        named |= {observation.entity for observation in batch.observations}
        named |= {revision.superseded_by for revision in batch.revisions if revision.superseded_by is not None}
        named |= {urn for each in batch.associations for urn in (each.source, each.destination)}
        return self._reader.load_ids([entity_id(urn) for urn in named], *others)

    def entities(self, ids: Collection[str]) -> dict[str, Stands]:
        """By id, those that stand; with those whose vertex they would share, told by another urn."""
        found = {}
        for id in ids:
            number = number_of_id(id)
            key = None if number is None else self._reader.key_at(number)
            if key is not None:
                record = self._reader.entities([key], as_recorded=True)[key]
                assert record.digest is not None, "what is judged is read under a scope of everything"
                found[id] = Stands(record.urn, key, record.occurred_at, record.digest)
        return found

    def associations(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, tuple[int, str]]:
        lines = self._reader.standing(keys)
        return {key: (line.occurred_at, line.digest) for key, line in lines.items()}

    def revisions(self, times: Mapping[int, Collection[int]]) -> dict[int, RecordedRevisions]:
        revisions = self._reader.revisions(times)
        return {key: RecordedRevisions.of(some, times[key]) for key, some in revisions.items()}

    def observations(self, keys: Collection[ObservationKey]) -> dict[ObservationKey, float]:
        return metric_series.standing(self._reader, keys)

    def entity(self, key: int) -> NewEntity:
        return as_new_entity(self._reader.entities([key], as_recorded=True)[key])

    def association(self, key: AssociationKey) -> NewAssociation:
        return as_new_association(self._reader.associations([key])[key])

    def new_key(self, id: str, kind: EntityKind) -> int:
        return key_of(id, KIND_CODES[kind])


class Parts(NamedTuple):
    """A batch as it is written: new vertices, what is added to those that stand, edges."""

    vertices: list[Fields]
    widened: list[Fields]
    edges: list[Edge]

    def shown_by(self, stamp: int) -> list[tuple[str, int, int]]:
        """How many entities the index should show under the stamp, by the key that holds it."""
        new = sum(each[T.label] == ENTITY for each in self.vertices)
        return [("recorded_at", stamp, new), (TOUCHED_AT, stamp, len(self.widened))]

    @property
    def plan(self) -> str:
        """Where what bears the batch's stamp is written: an edge is at its source."""
        return packed_plan([each[T.id] for each in self.vertices] + [each["source"][T.id] for each in self.edges])


class Recording:
    """Writes batches, each in a turn of its own or of one just before."""

    def __init__(self, server: GremlinClient, lease: WriterLease, urns: Urns, log: AuditLog) -> None:
        self._server, self._lease, self._urns = server, lease, urns
        self._log = log
        self._cleanup = AbortedBatchCleanup(server, lease)
        lease.on_aborted = self._cleanup.start
        self._property_keys: dict[tuple[str, int], int] = {}
        """From when on each key of a kind is written down; by this process, so that some are written down twice."""

    async def run(
        self, batch: Batch, urns: list[str], by: str, idempotency: Idempotency | None, audit: Sequence[AuditEntry]
    ) -> Outcome:
        """The verb of the contract, for a batch that has been checked; tells what was new."""
        async with self._lease.held() as stamp:
            snapshot = self._lease.snapshot
            known, judging = await asyncio.to_thread(self._judged, batch, urns, by, idempotency, snapshot, stamp)
            outcome = judging.outcome if known is None else known
            if known is not None or outcome.recorded_at is None:
                if known is None and idempotency is not None:
                    noted = self._kept(by, idempotency, outcome, snapshot.watermark)
                    self._refuse_unless(await self._server.ask(vertex_steps(g.inject(0), [noted])) == [1])
                await self._log.append_in(stamp, audit)
                return outcome
            parts = await asyncio.to_thread(self._parts, judging, stamp, by, idempotency)
            await self._lease.begin(stamp, parts.plan)
            await self._write(stamp, parts)
            await wait_until_shown(self._server, parts.shown_by(stamp))
            kept = await self._log.write(stamp, snapshot.access, audit)
            await self._lease.commit(stamp, any(key[1] == SAME_AS for key in judging.associations), kept)
            for name, code, occurred_at in sorted(judging.property_keys, reverse=True):
                self._property_keys[name, code] = min(occurred_at, self._property_keys.get((name, code), occurred_at))
            return outcome

    async def close(self) -> None:
        """Stop what is done in the background."""
        await self._cleanup.close()

    # -- judging --

    def _judged(
        self,
        batch: Batch,
        urns: list[str],
        by: str,
        idempotency: Idempotency | None,
        snapshot: Snapshot,
        stamp: int,
    ) -> tuple[Outcome | None, BatchValidation]:
        standing = RecordedState(self._server, snapshot, self._urns)
        judging = BatchValidation(standing, batch, urns, stamp)
        if idempotency is None:
            standing.prefetch(batch, urns)
        else:
            note = g.V(_idempotency_vertex(by, idempotency)).value_map("state", "value", "kept_at", "recorded_at")
            for kept in standing.prefetch(batch, urns, note)[0]:
                fingerprint, outcome, kept_at, recorded_at = (
                    kept[name][0] for name in ("state", "value", "kept_at", "recorded_at")
                )
                if kept_at <= now() - KEPT_MICROSECONDS or not snapshot.shows(recorded_at):
                    old = g.V(_idempotency_vertex(by, idempotency)).has("kept_at", long(kept_at))
                    self._server.wait(old.has("recorded_at", long(recorded_at)).drop())
                    continue
                if fingerprint != idempotency.fingerprint:
                    raise BatchRefused((IDEMPOTENCY_MISMATCH,))
                return Outcome.unpacked(outcome), judging
        judging.judge()
        return None, judging

    # -- making --

    def _parts(self, judging: BatchValidation, stamp: int, by: str, idempotency: Idempotency | None) -> Parts:
        vertices = self._vertices(judging, stamp, by)
        if idempotency is not None:
            vertices.append(self._kept(by, idempotency, judging.outcome, stamp))
        return Parts(vertices, _widened(judging, stamp), self._edges(judging, stamp, by))

    def _vertices(self, judging: BatchValidation, stamp: int, by: str) -> list[Fields]:
        vertices: list[Fields] = []
        for key, each in judging.entities.items():
            entity, code = each.entity, key & KIND_MASK
            said = index_terms.of_part(entity)
            fields: Fields = {
                T.id: vertex_of_key(key), T.label: ENTITY, "account": entity.account, "kind": code,
                "occurred_at": long(entity.occurred_at), "recorded_at": long(stamp),
                "record": packed_entity(each.urn, code, entity, each.digest, stamp, by),
                index_terms.TERM: said | terms_beside(entity, code, by), WORDS: _of_words(tokens(entity)),
                GROUP: number_of_group(default_group(entity.account)),
                **_texts(each.urn, entity, by),
            }  # fmt: skip
            if index_terms.is_cut(said):
                fields["widened"] = 1
            vertices.append(fields)
        for name, code, occurred_at in sorted(judging.property_keys):
            if self._property_keys.get((name, code), occurred_at + 1) > occurred_at:
                vertices.append(
                    {
                        T.id: vertex_of_note(PROPERTY_KEY, name, str(code), str(stamp)), T.label: "note",
                        "part": PROPERTY_KEY, "name": name, "of_kind": code, "recorded_at": long(stamp),
                        "occurred_at": long(occurred_at),
                    }
                )  # fmt: skip
        return vertices

    def _kept(self, by: str, idempotency: Idempotency, outcome: Outcome, stamp: int) -> Fields:
        return {
            T.id: _idempotency_vertex(by, idempotency), T.label: "note", "state": idempotency.fingerprint,
            "value": outcome.packed(), "kept_at": long(now()), "recorded_at": long(stamp),
        }  # fmt: skip

    def _edges(self, judging: BatchValidation, stamp: int, by: str) -> list[Edge]:
        occurred = {each.key: each.occurred_at for each in judging.known.values()}
        edges: list[Edge] = []
        for key, (association, kept) in judging.associations.items():
            fields: Fields = {
                "line": packed_line(key, association, kept, stamp, by),
                "recorded_at": long(stamp),
                "occurred_at": long(max(association.occurred_at or 0, occurred[key[0]], occurred[key[2]])),
            }
            if association.properties:
                fields["content"] = packed_properties(association.properties)
            edges.append(_edge(key[0], key[2], str(TYPES[key[1]]), fields))
        for entity, sequence, revision, kept in judging.revisions:
            fields = {
                "line": packed_revision(entity, sequence, revision, kept, stamp, by),
                "recorded_at": long(stamp),
                "occurred_at": long(revision.occurred_at),
            }
            edges.append(_edge(entity, entity, "REVISED", fields))
        observed = metric_series.chunks(judging.observations, stamp, by)
        edges += (_edge(key, key, metric_series.OBSERVED, fields) for key, fields in observed)
        return edges

    # -- writing --

    async def _write(self, stamp: int, parts: Parts) -> None:
        """Write all of a batch, the edges when the vertices stand."""

        async def write_vertices(chunk: list[Fields]) -> None:
            steps = await asyncio.to_thread(vertex_steps, self._lease.fenced(stamp), chunk)
            if await self._server.ask(steps) != [len(chunk)]:
                # What a batch that never became visible left stands where this one is to write.
                await self._clear(chunk)
                self._refuse_unless(await self._server.ask(steps) == [len(chunk)])
            if self._lease.snapshot.aborted:
                # What another was in the middle of writing may have come in between.
                written = g.V([each[T.id] for each in chunk]).has("recorded_at", long(stamp)).count()
                self._refuse_unless(await self._server.ask(written) == [len(chunk)])

        async def widen(chunk: list[Fields]) -> None:
            steps = await asyncio.to_thread(widening_steps, self._lease.fenced(stamp), chunk)
            self._refuse_unless(await self._server.ask(steps) == [len(chunk)])

        async def write_edges(chunk: list[Edge]) -> None:
            steps = await asyncio.to_thread(edge_steps, self._lease.fenced(stamp), chunk)
            self._refuse_unless(await self._server.ask(steps) == [len(chunk)])

        await _in_flight(_VERTICES_IN_FLIGHT, write_vertices, chunks_of(parts.vertices, _VERTICES_AT_ONCE))
        await _in_flight(_VERTICES_IN_FLIGHT, widen, chunks_of(parts.widened, _VERTICES_AT_ONCE))
        shapes: defaultdict[tuple[Any, ...], list[Edge]] = defaultdict(list)
        for edge in parts.edges:
            shapes[tuple(edge)].append(edge)
        chunked = [chunk for alike in shapes.values() for chunk in chunks_of(alike, _EDGES_AT_ONCE)]
        await _in_flight(_EDGES_IN_FLIGHT, write_edges, chunked)

    async def _clear(self, vertices: list[Fields]) -> None:
        void = P.within([long(each) for each in self._lease.snapshot.aborted])
        await self._server.ask(g.V([each[T.id] for each in vertices]).has("recorded_at", void).drop())

    def _refuse_unless(self, is_written: bool) -> None:
        if not is_written:
            raise Unavailable("the graph did not take all of the batch: nothing was written; send it again")


def _edge(source: int, destination: int, label: str, fields: Fields) -> Edge:
    ends = {"source": {T.id: vertex_of_key(source)}, "destination": {T.id: vertex_of_key(destination)}}
    return {**ends, "label": label, **fields}


def _texts(urn: str, entity: NewEntity, by: str) -> dict[str, str]:
    """The texts of an entity that filters ask for, and each that case folding changes a second time, folded."""
    texts = {
        "urn": urn,
        "name": entity.name,
        "version": entity.version,
        "type": entity.type,
        "source_uri": None if entity.source is None else entity.source.uri,
        "recorded_by": by,
    }
    given = {name: text for name, text in texts.items() if text is not None}
    folded = {name + FOLDED: text.casefold() for name, text in given.items() if name != "type"}
    return given | {name: text for name, text in folded.items() if text != given[name.removesuffix(FOLDED)]}


def _of_words(found: set[str]) -> set[str]:
    """The values of the property of words: one, if there are any."""
    return {" ".join(sorted(found))} if found else set()


def _widened(judging: BatchValidation, stamp: int) -> list[Fields]:
    """The entities with new revisions, and the terms and the words of these."""
    said: defaultdict[int, set[str]] = defaultdict(set)
    words: defaultdict[int, set[str]] = defaultdict(set)
    for entity, _, revision, _ in judging.revisions:
        said[entity] |= index_terms.of_part(revision)
        words[entity] |= tokens(revision)
    return [
        {T.id: vertex_of_key(key), index_terms.TERM: more, WORDS: _of_words(words[key]), TOUCHED_AT: long(stamp)}
        for key, more in said.items()
    ]


async def _in_flight(most: int, write: Callable[[list[Fields]], Awaitable[None]], chunks: list[list[Fields]]) -> None:
    """Write chunks, a few at once; where one fails, the others are ended."""
    room = asyncio.Semaphore(most)

    async def run(chunk: list[Fields]) -> None:
        async with room:
            await write(chunk)

    tasks = [asyncio.create_task(run(chunk)) for chunk in chunks]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _idempotency_vertex(by: str, idempotency: Idempotency) -> long:
    return vertex_of_note("idempotency", by, idempotency.key)
