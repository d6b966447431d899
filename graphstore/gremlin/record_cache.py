"""The records of one view, from the graph; with as few journeys as can be, and each but once."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import P

from lineal.graphstore.codes import KIND_BITS, KIND_MASK, TYPES, AssociationKey, kind_codes
from lineal.graphstore.filters import matches_entity, matches_restricted
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.codec import Line, association_of, line_of, record_of, unpacked
from lineal.graphstore.gremlin.filter_steps import Condition
from lineal.graphstore.gremlin.snapshots import Snapshot
from lineal.graphstore.gremlin.vertex_ids import (
    key_of_urn,
    number_of_id,
    number_of_vertex,
    vertex_of,
    vertex_of_key,
)
from lineal.graphstore.gremlin.visibility import Seeing
from lineal.graphstore.queries import EntityFilter
from lineal.graphstore.records import Association, Entity, Revision, View
from lineal.graphstore.redacting import bare_association, redacted_association, redacted_entity, redacted_revisions
from lineal.graphstore.revisions import folded
from lineal.graphstore.urns import entity_id
from lineal.graphstore.walking.reader_protocol import is_masked

MOST_LOADED: Final = 500
"""Of so many entities or fewer their records tell whether they match: a page is going to show most of them anyway."""
_MOST_URNS: Final = 200_000
_REVISED: Final = "REVISED"


class Urns(dict[int, str]):
    """Urns by key: they never change, so the newest learnt are kept from read to read."""

    def learn(self, key: int, urn: str) -> None:
        """Keep one more, and forget the oldest where there are many."""
        if key not in self and len(self) >= _MOST_URNS:
            for old in [each for each, _ in zip(self, range(_MOST_URNS // 10), strict=False)]:
                self.pop(old, None)
        self[key] = urn


class Loading(Seeing):
    """`walking.reader_protocol.Records` by traversals, and which of them match."""

    def __init__(self, server: GremlinClient, view: View, snapshot: Snapshot, urns: Urns) -> None:
        super().__init__(server, view, snapshot)
        self._urns = urns
        self._records: dict[int, Entity] = {}
        self._by_number: dict[int, int] = {}
        self._revisions: dict[int, list[Revision]] = {}
        self._asked: set[int] = set()
        self._judged: dict[EntityFilter, dict[int, bool]] = {}
        self._by_key: dict[AssociationKey, Line] = {}
        self._out: defaultdict[int, list[Line]] = defaultdict(list)
        self._in: defaultdict[int, list[Line]] = defaultdict(list)
        self._content: dict[AssociationKey, str] = {}
        self._without_content: set[AssociationKey] = set()

    # -- entities --

    def with_revisions(self, vertices: GraphTraversal) -> GraphTraversal:
        """The records of readable vertices, of the view or not, and of their revisions, as texts; and their groups."""
        # Which number a revision is shown under depends on all before it, if what they change may be hidden.
        occurred = None if self.scope_steps.redacts else "occurred_at"
        # All vertices at once before the branches: one by one each takes a quarter longer.
        revisions = self.on_time(__.unfold().has("widened").out_e(_REVISED), occurred).values("line")
        told = [__.unfold().values("record"), revisions]
        if self.scope_steps.needs_groups:
            told.append(self.grouped(__.unfold()))
        return vertices.fold().union(*told)

    def take(self, told: Iterable[Any]) -> list[int]:
        """Read records from what `with_revisions` gives; the keys of the entities of the view among them."""
        texts: list[str] = []
        for each in told:
            if isinstance(each, str):
                texts.append(each)
            else:
                self.take_groups(each)
        keys = []
        for held in unpacked(texts):
            key, record = record_of(held, self.view)
            if isinstance(record, Revision):
                found = self._revisions.setdefault(key, [])
                if all(each.sequence != record.sequence for each in found):
                    found.append(record)
            elif self._shows(record):
                self._records[key] = record
                self._by_number[key >> KIND_BITS] = key
                self._revisions.setdefault(key, [])
                self._urns.learn(key, record.urn)
                keys.append(key)
        return keys

    def _shows(self, entity: Entity) -> bool:
        at = self.view.as_of.occurred_at
        is_recorded = entity.recorded_at <= self._until and entity.recorded_at not in self._void
        return is_recorded and (at is None or entity.occurred_at <= at)

    def _load(self, numbers: Collection[int], *others: GraphTraversal) -> list[list[Any]]:
        missing = set(numbers) - self._asked
        if not missing or self.sees_nothing:
            return self.server.wait(*others) if others else []
        self._asked |= missing
        records = self.with_revisions(self.readable(g.V([vertex_of(number) for number in missing]))).fold()
        (told,), *answers = self.server.wait(records, *others)
        self.take(told)
        return answers

    def load_ids(self, ids: Collection[str], *others: GraphTraversal) -> list[list[Any]]:
        """Load the records of ids, in one journey with some other questions, whose answers are given."""
        return self._load({number for id in ids if (number := number_of_id(id)) is not None}, *others)

    def prefetch_ids(self, ids: Collection[str]) -> None:
        self.load_ids(ids)

    def key_at(self, number: int) -> int | None:
        """The key of the entity whose id begins with these bits, if one exists."""
        self._load([number])
        return self._by_number.get(number)

    def keys_of(self, ids: Collection[str]) -> dict[str, int]:
        self.load_ids(ids)
        numbers = {id: number_of_id(id) for id in ids}
        keys = {id: self._by_number.get(number) for id, number in numbers.items() if number is not None}
        return {id: key for id, key in keys.items() if key is not None and self._records[key].id == id}

    def urns(self, keys: Collection[int]) -> dict[int, str]:
        hidden = [key for key in keys if is_masked(key)] if self.meets_hidden else []
        if hidden:
            shown = {key: each.urn for key, each in self.restricted(hidden).items()}
            return self.urns([key for key in keys if key not in shown]) | shown
        missing = [key for key in keys if key not in self._urns]
        found = {}
        if missing:
            (urns,) = self.server.wait(self.urns_of(missing))
            for urn in urns:
                key = key_of_urn(urn)
                found[key] = urn
                self._urns.learn(key, urn)
        return found | {key: self._urns[key] for key in keys if key not in found}

    def _as_read(self, key: int) -> Entity:
        revisions = self._in_view(self._revisions[key])
        entity = folded(self._records[key], revisions) if revisions else self._records[key]
        return redacted_entity(entity, self.entity_scope(key))

    def _in_view(self, revisions: list[Revision]) -> list[Revision]:
        at = self.view.as_of.occurred_at
        if at is None or not self.scope_steps.redacts:
            return revisions
        return [each for each in revisions if each.occurred_at <= at]

    def entities(self, keys: Collection[int], *, as_recorded: bool = False) -> dict[int, Entity]:
        self._load({key >> KIND_BITS for key in keys})
        if as_recorded:
            return {key: redacted_entity(self._records[key], self.entity_scope(key)) for key in keys}
        return {key: self._as_read(key) for key in keys}

    def numbered_revisions(self, numbers: Collection[tuple[int, int]]) -> dict[tuple[int, int], Revision]:
        by_key = self.revisions({key for key, _ in numbers})
        by_number = {(key, each.sequence): each for key, revisions in by_key.items() for each in revisions}
        return {number: by_number[number] for number in numbers if number in by_number}

    def revisions(self, keys: Collection[int], occurred_at: int | None = None) -> dict[int, list[Revision]]:
        self._load({key >> KIND_BITS for key in keys})
        shown = {
            key: self._in_view(redacted_revisions(self._revisions[key], self.entity_scope(key)))
            for key in keys
            if self._revisions.get(key)
        }
        named = {
            key: [
                replace(revision, entity_id=self._records[key].id)
                for revision in revisions
                if occurred_at in (None, revision.occurred_at)
            ]
            for key, revisions in shown.items()
        }
        return {key: revisions for key, revisions in named.items() if revisions}

    # -- which of them match --

    def prefetch_matches(self, asked: Iterable[tuple[EntityFilter | None, Collection[int]]]) -> None:
        unknown: dict[EntityFilter, set[int]] = {}
        for where, keys in asked:
            if where is not None and not asks_kinds_alone(where):
                known = self._judged.get(where, {})
                plain = [key for key in of_kinds(keys, where) if not is_masked(key)]
                missing = {key for key in plain if key not in known and key not in self._records}
                if missing:
                    unknown.setdefault(where, set()).update(missing)
        everyone = set().union(*unknown.values())
        if len(everyone) <= MOST_LOADED:
            self._load({key >> KIND_BITS for key in everyone})
            return
        vertices = {where: g.V([vertex_of_key(key) for key in keys]) for where, keys in unknown.items()}
        found = self.server.wait(*(self.judging(vertices[where], self.asked_of(where)) for where in unknown))
        for (where, keys), answer in zip(unknown.items(), found, strict=True):
            self.judge(where, keys, answer)

    def judging(self, vertices: GraphTraversal, asked: Condition) -> GraphTraversal:
        """Of entity vertices of the view those that match: their ids, or their records where only these tell."""
        if asked.is_settled:
            return (vertices if asked.exact is None else vertices.where(asked.exact)).id_()
        exact, may = __.has_not("widened"), __.has("widened")
        exact = exact if asked.exact is None else exact.where(asked.exact)
        may = may if asked.may is None else may.where(asked.may)
        return vertices.union(exact.id_(), self.with_revisions(may))

    def judge(self, where: EntityFilter, keys: Collection[int], answer: Iterable[Any]) -> None:
        """Note which of the keys match by what `judging` gave of their vertices."""
        told, numbers = [], set()
        for each in answer:
            if isinstance(each, int):
                numbers.add(number_of_vertex(each))
            else:
                told.append(each)
        doubtful = set(self.take(told))
        self._asked |= {key >> KIND_BITS for key in doubtful}
        judged = self._judged.setdefault(where, {})
        judged.update((key, key >> KIND_BITS in numbers) for key in keys)
        judged.update((key, matches_entity(self._as_read(key), where)) for key in doubtful)

    def matching(self, keys: Collection[int], where: EntityFilter | None) -> Collection[int]:
        if where is None or where == EntityFilter() or not keys:
            return keys
        if self.meets_hidden and any(map(is_masked, keys)):
            plain = set(self._matching([key for key in keys if not is_masked(key)], where))
            shows = matches_restricted(where)
            return [key for key in keys if (shows if is_masked(key) else key in plain)]
        return self._matching(keys, where)

    def _matching(self, keys: Collection[int], where: EntityFilter) -> Collection[int]:
        keys = of_kinds(keys, where)
        if asks_kinds_alone(where):
            return keys
        self.prefetch_matches([(where, keys)])
        judged = self._judged.setdefault(where, {})
        for key in keys:
            if key not in judged:
                judged[key] = matches_entity(self._as_read(key), where)
        return [key for key in keys if judged[key]]

    # -- associations --

    def prefetch_records(self, keys: Collection[int], associations: Collection[AssociationKey]) -> None:
        plain = [key for key in associations if not _is_bare(key)]
        unknown = [key for key in plain if key not in self._by_key]
        wanted = [key for key in plain if key not in self._content and key not in self._without_content]
        nameless = self.nameless({*keys, *(end for key in associations for end in (key[0], key[2]))})
        asked = [self.lines(self._among(unknown))] if unknown else []
        if wanted:
            asked.append(self.contents(self._among(wanted)))
        if nameless:
            asked.append(self.urns_of(nameless))
        answers = self._load({key >> KIND_BITS for key in keys if not is_masked(key)}, *asked)
        if nameless:
            self.name(answers.pop())
        if unknown:
            self.learn(answers[0])
        if wanted:
            self._take_contents(answers[-1])

    def associations(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, Association]:
        self.prefetch_records((), keys)
        return {key: self._bare(key) if _is_bare(key) else self._shown(key) for key in keys}

    def _shown(self, key: AssociationKey) -> Association:
        association = association_of(self._by_key[key], self._content.get(key), self.view)
        return redacted_association(association, self.entity_scope(key[0]), self.entity_scope(key[2]))

    def _bare(self, key: AssociationKey) -> Association:
        ends = (key[0], key[2])
        urns = self.urns([end for end in ends if not is_masked(end)])
        urns |= {end: self.hidden_urns[end] for end in ends if is_masked(end)}
        source, destination = ((entity_id(urns[end]), urns[end], is_masked(end)) for end in ends)
        return bare_association(source, destination, TYPES[key[1]], self.view)

    def standing(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, Line]:
        """The lines of those associations that stand."""
        self.learn(*self.server.wait(self.lines(self._among(keys))))
        return {key: self._by_key[key] for key in keys if key in self._by_key}

    def _among(self, keys: Collection[AssociationKey]) -> GraphTraversal:
        """The edges of some associations, and maybe of others between the same ends."""
        sources = [vertex_of_key(key) for key in {key[0] for key in keys}]
        destinations = [vertex_of_key(key) for key in {key[2] for key in keys}]
        labels = [str(TYPES[code]) for code in sorted({key[1] for key in keys})]
        edges = self.on_time(g.V(sources).out_e(*labels))
        return edges.where(__.in_v().has_id(P.within(destinations)))

    def contents(self, edges: GraphTraversal) -> GraphTraversal:
        """The properties that edges hold, each beside its line."""
        return edges.has("content").value_map("line", "content")

    def _take_contents(self, found: Iterable[dict[str, str]]) -> None:
        for each in found:
            (held,) = unpacked([each["line"]])
            self._content[line_of(held).key] = each["content"]

    def lines(self, edges: GraphTraversal) -> GraphTraversal:
        """What edges of associations tell, and the groups of their ends where the scope needs them."""
        if not self.scope_steps.needs_groups:
            return edges.values("line")
        return edges.fold().union(__.unfold().values("line"), self.grouped(__.unfold().both_v().dedup()))

    def learn(self, told: Iterable[Any]) -> list[Line]:
        """Note what `lines` gives, by both ends of each."""
        texts: list[str] = []
        for each in told:
            if isinstance(each, str):
                texts.append(each)
            else:
                self.take_groups(each)
        lines = []
        for held in unpacked(texts):
            line = line_of(held)
            key = line.key
            if key in self._by_key:
                lines.append(self._by_key[key])
                continue
            self._by_key[key] = line
            lines.append(line)
            if not line.has_content:
                self._without_content.add(key)
            self._out[line.source].append(line)
            self._in[line.destination].append(line)
            self._urns.learn(line.source, line.source_urn)
            self._urns.learn(line.destination, line.destination_urn)
        return lines


def _is_bare(key: AssociationKey) -> bool:
    return is_masked(key[0]) or is_masked(key[2])


def asks_kinds_alone(where: EntityFilter) -> bool:
    """Whether a filter asks for nothing but kinds, so that keys tell."""
    return where == EntityFilter(where.kind, where.lineage_type)


def of_kinds(keys: Collection[int], where: EntityFilter) -> Collection[int]:
    """The keys of the kinds that a filter asks for."""
    codes = kind_codes(EntityFilter(where.kind, where.lineage_type))
    return keys if codes is None else [key for key in keys if key & KIND_MASK in codes]
