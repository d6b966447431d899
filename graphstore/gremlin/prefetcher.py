"""What one journey to the graph server fetches for all questions of a call.

The only one of a reader's parts that asks: it combines the steps of the caches whose contents are missing, sends them
together, and hands every answer back to its cache.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, NamedTuple

from gremlin_python.process.graph_traversal import GraphTraversal

from lineal.graphstore.codes import KIND_BITS, AssociationKey
from lineal.graphstore.gremlin.client import GremlinClient
from lineal.graphstore.gremlin.crossed_edges import CrossedEdges
from lineal.graphstore.gremlin.match_cache import asks_only_kinds, of_kinds
from lineal.graphstore.gremlin.vertex_ids import number_of_id
from lineal.graphstore.gremlin.view_caches import ViewCaches
from lineal.graphstore.gremlin.walk_prefetcher import WalkPrefetcher
from lineal.graphstore.queries import EntityFilter, Walk
from lineal.graphstore.walking.reader_protocol import Crossings, is_masked

MOST_LOADED: Final = 500
"""Of this many entities or fewer the records are fetched, to decide which match: a page shows most of them anyway."""


class _Request(NamedTuple):
    """A traversal, and what takes its answer."""

    steps: GraphTraversal
    take: Callable[[list[Any]], object]


class Prefetcher:
    """Fetches what is missing in the caches of a view."""

    def __init__(self, client: GremlinClient, caches: ViewCaches) -> None:
        self._client, self._visibility = client, caches.visibility
        self._scopes, self._records, self._edges = caches.scopes, caches.records, caches.edges
        self._hidden, self._matches = caches.hidden, caches.matches
        self._walks = WalkPrefetcher(client, caches)

    def _send(self, *requests: _Request) -> None:
        answers = self._client.wait(*(request.steps for request in requests))
        for request, answer in zip(requests, answers, strict=True):
            request.take(answer)

    # -- entities --

    def _missing_records(self, numbers: Iterable[int]) -> list[_Request]:
        missing = set() if self._visibility.sees_nothing else self._records.missing(numbers)
        if not missing:
            return []
        self._records.note_fetched(missing)
        steps = self._records.steps(self._visibility.by_number(missing))
        return [_folded(steps, self._records.take)]

    def ids(self, ids: Collection[str], *others: GraphTraversal) -> list[list[Any]]:
        """Fetch the records of ids, in one journey with other traversals, whose answers are returned."""
        numbers = {number for id in ids if (number := number_of_id(id)) is not None}
        answers: list[list[Any]] = []
        self._send(*self._missing_records(numbers), *(_Request(steps, answers.append) for steps in others))
        return answers

    def keys(self, keys: Iterable[int]) -> None:
        """Fetch the records of keys."""
        self._send(*self._missing_records(key >> KIND_BITS for key in keys))

    def urns(self, keys: Collection[int]) -> None:
        """Fetch the URNs of readable and of masked keys."""
        requests = self._missing_hidden_urns(keys)
        if missing := self._records.missing_urns([key for key in keys if not is_masked(key)]):
            requests.append(_Request(self._visibility.known(missing).values("urn"), self._records.take_urns))
        self._send(*requests)

    def _missing_hidden_urns(self, keys: Iterable[int]) -> list[_Request]:
        missing = self._hidden.missing_urns(keys)
        return [_Request(self._hidden.urn_steps(missing), self._hidden.take)] if missing else []

    def scopes(self, keys: Iterable[int]) -> None:
        """Fetch what decides how readable entities are seen."""
        if missing := self._scopes.missing(keys):
            self._send(_Request(self._scopes.steps(self._visibility.known(missing)), self._scopes.take))

    def hidden_ends(self, keys: Iterable[int]) -> None:
        """Fetch what decides how hidden entities are seen."""
        if missing := self._hidden.missing_ends(keys):
            self._send(_Request(self._hidden.end_steps(missing), self._hidden.take))

    # -- matches --

    def matches(self, asked: Iterable[tuple[EntityFilter | None, Collection[int]]]) -> None:
        """Fetch which of some keys match: the records of a few, of more the engine's own answer."""
        unknown: defaultdict[EntityFilter, set[int]] = defaultdict(set)
        for where, keys in asked:
            if where is not None and not asks_only_kinds(where):
                plain = [key for key in of_kinds(keys, where) if not is_masked(key)]
                unknown[where] |= self._matches.missing(where, plain)
        everyone = set().union(*unknown.values())
        if len(everyone) <= MOST_LOADED:
            self.keys(everyone)
            return
        self._send(*(self._match_request(where, keys) for where, keys in unknown.items() if keys))

    def _match_request(self, where: EntityFilter, keys: set[int]) -> _Request:
        steps = self._matches.steps(self._visibility.known(keys), where)
        return _Request(steps, lambda answer: self._matches.take(where, keys, answer))

    # -- associations --

    def walks(self, walks: Iterable[tuple[Walk, int | None]]) -> None:
        """Fetch walks; with how many of the nearest entities they reach are shown, None where these are not known."""
        # One hop of which any part may be shown is likely to be looked through.
        self._walks.prefetch(
            (walk, (MOST_LOADED if walk.depth == 1 else 0) if shown is None else shown) for walk, shown in walks
        )

    def crossings(self, asked: Iterable[tuple[Crossings, Collection[int]]]) -> None:
        """Fetch the edges to cross from keys."""
        plain: defaultdict[CrossedEdges, set[int]] = defaultdict(set)
        hidden: defaultdict[CrossedEdges, set[int]] = defaultdict(set)
        for crossings, keys in asked:
            crossed, beside_hidden = CrossedEdges.of(crossings), CrossedEdges.beside_hidden(crossings)
            if crossed.labels and not self._visibility.sees_nothing:
                readable = [key for key in keys if not is_masked(key)]
                plain[crossed] |= self._edges.unfetched(crossed, readable)
            if beside_hidden.labels and self._visibility.meets_hidden:
                hidden[beside_hidden] |= self._hidden.unfetched(beside_hidden, keys)
        requests = [
            _folded(self._edges.steps_from(keys, crossed), self._edges.take) for crossed, keys in plain.items() if keys
        ]
        requests += [
            _folded(self._hidden.steps_from(keys, crossed), self._hidden.take)
            for crossed, keys in hidden.items()
            if keys
        ]
        self._send(*requests)
        for crossed, fetched in plain.items():
            self._edges.note_fetched(crossed, fetched)
        for crossed, fetched in hidden.items():
            self._hidden.note_fetched(crossed, fetched)

    def records(
        self, keys: Collection[int], associations: Collection[AssociationKey], *, with_times: bool = True
    ) -> None:
        """Fetch the records of keys and of associations, and from when the ends of these are known where it matters."""
        requests = self._missing_records(key >> KIND_BITS for key in keys if not is_masked(key))
        plain = [key for key in associations if not is_beside_masked(key)]
        if unknown := self._edges.missing(plain):
            requests.append(_Request(self._edges.steps_of(unknown), self._edges.take))
        if without_contents := self._edges.missing_contents(plain):
            requests.append(_Request(self._edges.content_steps_of(without_contents), self._edges.take_contents))
        if with_times and (without_times := self._records.missing_times(self._edges.without_times(plain))):
            steps = self._visibility.times_of(self._visibility.known(without_times))
            requests.append(_Request(steps, self._records.take_times))
        ends = {end for key in associations for end in (key[0], key[2])}
        self._send(*requests, *self._missing_hidden_urns({*keys, *ends}))

    def lines(self, associations: Collection[AssociationKey]) -> None:
        """Fetch those of some associations that exist in the view."""
        self._send(_Request(self._edges.steps_of(associations), self._edges.take))


def is_beside_masked(key: AssociationKey) -> bool:
    """Whether an end of an association is masked."""
    return is_masked(key[0]) or is_masked(key[2])


def _folded(steps: GraphTraversal, take: Callable[[Iterable[Any]], object]) -> _Request:
    """A request whose answer comes as one list."""
    return _Request(steps.fold(), lambda answer: take(answer[0]))
