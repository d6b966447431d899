"""One batch into the graph, under a turn: judged, written with its stamp, and made visible by its commit."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Cardinality, Merge, P, T
from gremlin_python.statics import long

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batches import Batch, Idempotency, NewAssociation, NewEntity
from lineal.graphstore.codes import KIND_CODES, KIND_MASK, SAME_AS, TYPES, AssociationKey
from lineal.graphstore.content import packed_properties
from lineal.graphstore.errors import BatchRefused, Unavailable
from lineal.graphstore.gremlin import terms
from lineal.graphstore.gremlin.conditions import FOLDED
from lineal.graphstore.gremlin.finding import PROPERTY_KEY
from lineal.graphstore.gremlin.heads import Heads, Moment
from lineal.graphstore.gremlin.keys import key_of, number_of_id, vertex_of_key, vertex_of_note
from lineal.graphstore.gremlin.loading import Urns
from lineal.graphstore.gremlin.packing import packed_entity, packed_line, packed_revision
from lineal.graphstore.gremlin.reading import Reading
from lineal.graphstore.gremlin.server import Server, g
from lineal.graphstore.judging import IDEMPOTENCY_MISMATCH, KEPT_MICROSECONDS, Judging, Outcome, Stands, now
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.records import AsOf, Revision, View
from lineal.graphstore.standing import as_new_association, as_new_entity
from lineal.graphstore.urns import entity_id

_VERTICES_AT_ONCE: Final = 500
_EDGES_AT_ONCE: Final = 100
_IN_FLIGHT: Final = 2
_MOST_CHUNK_BYTES: Final = 4 * 1024 * 1024

Fields = dict[Any, Any]


class Standing:
    """`judging.Standing` by traversals, at the moment of a turn."""

    def __init__(self, server: Server, moment: Moment, urns: Urns) -> None:
        self._server = server
        self._reading = Reading(server, View(EVERYTHING, AsOf(moment.newest)), moment, urns)

    def foresee(self, batch: Batch, urns: list[str], *others: GraphTraversal) -> list[list[Any]]:
        """Load all that a batch names, in one journey, with some other questions asked beside."""
        named = {*urns, *(revision.entity for revision in batch.revisions)}
        named |= {revision.superseded_by for revision in batch.revisions if revision.superseded_by is not None}
        named |= {urn for each in batch.associations for urn in (each.source, each.destination)}
        return self._reading.load_ids([entity_id(urn) for urn in named], *others)

    def entities(self, ids: Collection[str]) -> dict[str, Stands]:
        """By id, those that stand; with those whose vertex they would share, told by another urn."""
        found = {}
        for id in ids:
            number = number_of_id(id)
            key = None if number is None else self._reading.key_at(number)
            if key is not None:
                record = self._reading.entities([key], as_recorded=True)[key]
                found[id] = Stands(record.urn, key, record.occurred_at, record.digest)
        return found

    def associations(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, tuple[int, str]]:
        lines = self._reading.standing(keys)
        return {key: (line.occurred_at, line.digest) for key, line in lines.items()}

    def revisions(self, keys: Collection[int]) -> dict[int, list[Revision]]:
        return self._reading.revisions(keys)

    def entity(self, key: int) -> NewEntity:
        return as_new_entity(self._reading.entities([key], as_recorded=True)[key])

    def association(self, key: AssociationKey) -> NewAssociation:
        return as_new_association(self._reading.associations([key])[key])

    def new_key(self, id: str, kind: EntityKind) -> int:
        return key_of(id, KIND_CODES[kind])


class Recording:
    """Writes batches, each in a turn of its own or of one just before."""

    def __init__(self, server: Server, heads: Heads, urns: Urns) -> None:
        self._server, self._heads, self._urns = server, heads, urns
        self._property_keys: dict[tuple[str, int], int] = {}
        """From when on each key of a kind is written down; by this process, so that some are written down twice."""

    async def run(self, batch: Batch, urns: list[str], by: str, idempotency: Idempotency | None) -> Outcome:
        """The verb of the contract, for a batch that has been checked; tells what was new."""
        async with self._heads.turn() as stamp:
            moment = self._heads.moment
            known, judging = await asyncio.to_thread(self._judged, batch, urns, by, idempotency, moment, stamp)
            if known is not None:
                return known
            outcome = judging.outcome
            if outcome.recorded_at is None:
                if idempotency is not None:
                    kept = self._kept(by, idempotency, outcome, moment.newest)
                    await self._in_chunks([kept], _VERTICES_AT_ONCE, _vertex_steps)
                return outcome
            await self._heads.begin(stamp)
            vertices = await asyncio.to_thread(self._vertices, judging, stamp, by)
            if idempotency is not None:
                vertices.append(self._kept(by, idempotency, outcome, stamp))
            await self._clear(moment, [fields[T.id] for fields in vertices])
            await self._in_chunks(vertices, _VERTICES_AT_ONCE, _vertex_steps)
            await self._in_chunks(_widened(judging), _VERTICES_AT_ONCE, _widening_steps)
            await self._in_chunks(self._edges(judging, stamp, by), _EDGES_AT_ONCE, _edge_steps)
            await self._heads.commit(stamp, any(key[1] == SAME_AS for key in judging.associations))
            for name, code, occurred_at in sorted(judging.property_keys, reverse=True):
                self._property_keys[name, code] = min(occurred_at, self._property_keys.get((name, code), occurred_at))
            return outcome

    # -- judging --

    def _judged(
        self,
        batch: Batch,
        urns: list[str],
        by: str,
        idempotency: Idempotency | None,
        moment: Moment,
        stamp: int,
    ) -> tuple[Outcome | None, Judging]:
        standing = Standing(self._server, moment, self._urns)
        judging = Judging(standing, batch, urns, stamp)
        if idempotency is None:
            standing.foresee(batch, urns)
        else:
            note = g.V(_idempotency_vertex(by, idempotency)).value_map("state", "value", "kept_at", "recorded_at")
            for kept in standing.foresee(batch, urns, note)[0]:
                fingerprint, outcome, kept_at, recorded_at = (
                    kept[name][0] for name in ("state", "value", "kept_at", "recorded_at")
                )
                if kept_at <= now() - KEPT_MICROSECONDS or not moment.shows(recorded_at):
                    self._server.wait(g.V(_idempotency_vertex(by, idempotency)).drop())
                    continue
                if fingerprint != idempotency.fingerprint:
                    raise BatchRefused((IDEMPOTENCY_MISMATCH,))
                return Outcome.unpacked(outcome), judging
        judging.judge()
        return None, judging

    # -- writing --

    def _vertices(self, judging: Judging, stamp: int, by: str) -> list[Fields]:
        vertices: list[Fields] = []
        for key, each in judging.entities.items():
            entity, code = each.entity, key & KIND_MASK
            said = terms.of_part(entity)
            fields: Fields = {
                T.id: vertex_of_key(key), T.label: "entity", "account": entity.account, "kind": code,
                "occurred_at": long(entity.occurred_at), "recorded_at": long(stamp),
                "record": packed_entity(each.urn, code, entity, each.digest, stamp, by), "term": said,
                **_texts(each.urn, entity, by),
            }  # fmt: skip
            if terms.is_cut(said):
                fields["widened"] = 1
            vertices.append(fields)
        for name, code, occurred_at in sorted(judging.property_keys):
            if self._property_keys.get((name, code), occurred_at + 1) > occurred_at:
                vertices.append(
                    {
                        T.id: vertex_of_note(PROPERTY_KEY, name, str(code), str(stamp)), T.label: "note",
                        "part": PROPERTY_KEY, "name": name, "source_kind": code, "recorded_at": long(stamp),
                        "occurred_at": long(occurred_at),
                    }
                )  # fmt: skip
        return vertices

    def _kept(self, by: str, idempotency: Idempotency, outcome: Outcome, stamp: int) -> Fields:
        return {
            T.id: _idempotency_vertex(by, idempotency), T.label: "note", "state": idempotency.fingerprint,
            "value": outcome.packed(), "kept_at": long(now()), "recorded_at": long(stamp),
        }  # fmt: skip

    def _edges(self, judging: Judging, stamp: int, by: str) -> list[tuple[int, int, str, Fields]]:
        occurred = {each.key: each.occurred_at for each in judging.known.values()}
        edges: list[tuple[int, int, str, Fields]] = []
        for key, (association, kept) in judging.associations.items():
            fields: Fields = {
                "line": packed_line(key, association, kept, stamp, by),
                "recorded_at": long(stamp),
                "occurred_at": long(max(association.occurred_at or 0, occurred[key[0]], occurred[key[2]])),
                "source_kind": key[0] & KIND_MASK,
                "destination_kind": key[2] & KIND_MASK,
            }
            if association.properties:
                fields["content"] = packed_properties(association.properties)
            edges.append((key[0], key[2], str(TYPES[key[1]]), fields))
        for entity, sequence, revision, kept in judging.revisions:
            fields = {
                "line": packed_revision(entity, sequence, revision, kept, stamp, by),
                "recorded_at": long(stamp),
                "occurred_at": long(revision.occurred_at),
            }
            edges.append((entity, entity, "REVISED", fields))
        return edges

    async def _clear(self, moment: Moment, ids: list[Any]) -> None:
        """Remove what a batch that never became visible left where this one is to write."""
        if not moment.void:
            return
        for start in range(0, len(ids), _VERTICES_AT_ONCE):
            left = g.V(ids[start : start + _VERTICES_AT_ONCE]).has_label("entity", "note").has("recorded_at")
            await self._server.ask(left.where(_void(moment)).drop())

    async def _in_chunks(self, parts: list[Any], most: int, steps: Any) -> None:
        room = asyncio.Semaphore(_IN_FLIGHT)

        async def send(chunk: list[Any]) -> None:
            async with room:
                written = await self._server.ask(await asyncio.to_thread(steps, chunk))
                if written != [len(chunk)]:
                    # A record of a dead process came late and stands where this one should: the next try removes it.
                    raise Unavailable("the graph did not take all of the batch: nothing was written; send it again")

        tasks = [asyncio.create_task(send(chunk)) for chunk in _chunks(parts, most)]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise


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


def _widened(judging: Judging) -> list[Fields]:
    """The entities with new revisions, and the terms of these."""
    said: defaultdict[int, set[str]] = defaultdict(set)
    for entity, _, revision, _ in judging.revisions:
        said[entity] |= terms.of_part(revision)
    return [{T.id: vertex_of_key(key), "term": more} for key, more in said.items()]


def _void(moment: Moment) -> GraphTraversal:
    stamps = [long(stamp) for stamp in moment.void]
    return __.or_(__.has("recorded_at", P.gt(long(moment.newest))), __.has("recorded_at", P.within(stamps)))


def _chunks(parts: list[Any], most: int) -> list[list[Any]]:
    """Parts by as many as a request may hold, and no more bytes than it should."""
    chunks: list[list[Any]] = [[]]
    size = 0
    for part in parts:
        fields = part[-1] if isinstance(part, tuple) else part
        bytes_in = sum(len(value) for value in fields.values() if isinstance(value, str))
        bytes_in += sum(map(len, fields.get("term", ())))
        if chunks[-1] and (len(chunks[-1]) == most or size + bytes_in > _MOST_CHUNK_BYTES):
            chunks.append([])
            size = 0
        chunks[-1].append(part)
        size += bytes_in
    return chunks if chunks[0] else []


def _idempotency_vertex(by: str, idempotency: Idempotency) -> long:
    return vertex_of_note("idempotency", by, idempotency.key)


def _vertex_steps(chunk: list[Fields]) -> GraphTraversal:
    """Write vertices, and count those that stand with the chunk's stamp; run twice, it changes nothing."""
    merged = _merged(chunk).option(Merge.on_create, __.select("all"))
    return _with_terms(merged).has("recorded_at", chunk[0]["recorded_at"]).count()


def _widening_steps(chunk: list[Fields]) -> GraphTraversal:
    """Let vertices that stand tell what their revisions say too, and count them; run twice, it changes nothing."""
    merged = _merged(chunk).option(Merge.on_match, {"widened": 1})
    return _with_terms(merged).has("record").count()


def _merged(chunk: list[Fields]) -> GraphTraversal:
    rows = [
        {
            "which": {T.id: fields[T.id]},
            "all": {name: value for name, value in fields.items() if name != "term"},
            "terms": list(fields.get("term", ())),
        }
        for fields in chunk
    ]
    return g.inject(rows).unfold().as_("row").merge_v(__.select("which"))


def _with_terms(merged: GraphTraversal) -> GraphTraversal:
    term = __.select("row").select("terms").unfold().as_("term")
    add = term.select("vertex").property(Cardinality.set_, "term", __.select("term"))
    return merged.as_("vertex").side_effect(add)


def _edge_steps(chunk: list[tuple[int, int, str, Fields]]) -> GraphTraversal:
    """Write edges, and count them; run twice, each is there twice, and readers take them for one, alike in their lines.

    One after the other, each begun by the last: where an end is missing, what follows is not written nor counted.
    """
    steps: Any = g
    for source, destination, label, fields in chunk:
        steps = steps.V(vertex_of_key(source)).add_e(label).to(__.V(vertex_of_key(destination)))
        for name, value in fields.items():
            steps = steps.property(name, value)
    return steps.count().is_(1).constant(len(chunk))
