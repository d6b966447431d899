"""Lineage computed the long way round, from a file of the native form: what the server's answers are compared with.

Nothing of Lineal is imported: identity, walks, paths and filters are worked out here from the file alone, for graphs of
any size, so that a mistake in the product cannot hide in its own test.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

Match: TypeAlias = Callable[[dict[str, Any]], bool]
Cross: TypeAlias = Callable[[dict[str, Any]], bool]
Step: TypeAlias = tuple[str, dict[str, Any]]
KEPT = "!$&'()*+,;=:/"
"""What a URN's name and version keep, besides letters, digits and `-._~`."""


def always(_: dict[str, Any]) -> bool:
    return True


def never(_: dict[str, Any]) -> bool:
    return False


def urn_of(entity: dict[str, Any]) -> str:
    urn = f"lineal:{quote(entity['account'], safe='')}:{entity['kind']}:{quote(entity['name'], safe=KEPT)}"
    return urn if entity.get("version") is None else f"{urn}@{quote(entity['version'], safe=KEPT)}"


@dataclass
class Answer:
    """Distances by urn, and whether something lay at the depth limit that could have gone on."""

    distance: dict[str, int]
    cut: bool


@dataclass
class Graph:
    """Entities by urn, and their associations both ways. `up` and `down` hold (other end, association)."""

    entities: dict[str, dict[str, Any]] = field(default_factory=dict)
    associations: list[dict[str, Any]] = field(default_factory=list)
    up: dict[str, list[Step]] = field(default_factory=lambda: defaultdict(list))
    down: dict[str, list[Step]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, path: Path) -> "Graph":
        graph, urns = cls(), {}
        with path.open() as lines:
            for line in lines:
                row = json.loads(line)
                if entity := row.get("entity"):
                    urns[entity["key"]] = urn_of(entity)
                    graph.entities[urns[entity["key"]]] = entity
                elif association := row.get("association"):
                    source, destination = urns[association["source"]], urns[association["destination"]]
                    when = association.get("occurredAt", association.get("createdAt"))
                    graph.associate({**association, "source": source, "destination": destination, "at": when})
        return graph

    def associate(self, association: dict[str, Any]) -> None:
        source, destination = association["source"], association["destination"]
        self.associations.append(association)
        self.down[source].append((destination, association))
        self.up[destination].append((source, association))
        if association["type"] == "SAME_AS":
            self.up[source].append((destination, association))
            self.down[destination].append((source, association))

    def steps(self, urn: str, direction: str) -> list[Step]:
        if direction == "CONNECTED":
            return self.up.get(urn, []) + [s for s in self.down.get(urn, []) if s[1]["type"] != "SAME_AS"]
        return (self.up if direction == "ASCENDANTS" else self.down).get(urn, [])

    def one_way(
        self, starts: Iterable[str], direction: str, depth: int | None, stop: Match, via: Cross
    ) -> dict[str, int]:
        begin = set(starts)
        seen, reached, frontier, level = set(begin), dict[str, int](), list(begin), 0
        while frontier and (depth is None or level < depth):
            level += 1
            neighbours = set()
            for urn in frontier:
                for other, association in self.steps(urn, direction):
                    if not via(association):
                        continue
                    if other in begin:
                        if direction != "CONNECTED" and association["type"] != "SAME_AS":
                            reached.setdefault(other, level)
                    elif other not in seen:
                        seen.add(other)
                        neighbours.add(other)
            reached |= dict.fromkeys(neighbours, level)
            frontier = [urn for urn in neighbours if not stop(self.entities[urn])]
        return reached

    def walk(
        self,
        starts: Iterable[str],
        direction: str,
        depth: int | None = None,
        stop: Match = never,
        via: Cross = always,
    ) -> Answer:
        ways = ["ASCENDANTS", "DESCENDANTS"] if direction == "BOTH" else [direction]
        distance = merged([self.one_way(starts, way, depth, stop, via) for way in ways])
        if depth is None:
            return Answer(distance, False)
        deeper = merged([self.one_way(starts, way, depth + 1, stop, via) for way in ways])
        return Answer(distance, deeper.keys() > distance.keys())

    def lineage(
        self,
        starts: Iterable[str],
        direction: str,
        combine: str = "UNION",
        excluding: Iterable[str] = (),
        **how: Any,
    ) -> Answer:
        if combine == "INTERSECTION":
            each = [self.walk([start], direction, **how) for start in dict.fromkeys(starts)]
            common = set.intersection(*(set(answer.distance) for answer in each))
            union = merged([answer.distance for answer in each])
            cut = any(answer.cut for answer in each)
            answer = Answer({urn: d for urn, d in union.items() if urn in common}, cut)
        else:
            answer = self.walk(starts, direction, **how)
        out = self.walk(excluding, direction, **how).distance if excluding else {}
        return Answer({urn: d for urn, d in answer.distance.items() if urn not in out}, answer.cut)

    def path(self, target: str, starts: Iterable[str], direction: str, **how: Any) -> list[tuple[str, str, str]]:
        """The one shortest path that ties lead to, from the start outwards, as (source, destination, type)."""
        begin = set(starts)
        via, stop = how.get("via", always), how.get("stop", never)
        ways = ["ASCENDANTS", "DESCENDANTS"] if direction == "BOTH" else [direction]
        walks = {way: self.one_way(begin, way, how.get("depth"), stop, via) for way in ways}
        least = min(d for distance in walks.values() for urn, d in distance.items() if urn == target)
        open_ways, at, steps = [way for way in ways if walks[way].get(target) == least], target, []
        for level in range(least, 0, -1):
            choices = []
            for way in open_ways:
                back = {"ASCENDANTS": "DESCENDANTS", "DESCENDANTS": "ASCENDANTS"}.get(way, way)
                for other, association in self.steps(at, back):
                    before = 0 if other in begin else walks[way].get(other)
                    if before != level - 1 or not via(association):
                        continue
                    if other not in begin and stop(self.entities[other]):
                        continue
                    if at in begin and association["type"] == "SAME_AS":
                        continue
                    rank = (other, association["type"], association.get("role") or "", way)
                    choices.append((rank, association, way))
            rank, chosen, _ = min(choices, key=lambda choice: choice[0])
            open_ways = [way for r, _, way in choices if r[:3] == rank[:3]]
            steps.append((chosen["source"], chosen["destination"], chosen["type"]))
            at = rank[0]
        return steps[::-1]

    def among(self, urns: set[str], via: Cross = always) -> list[tuple[str, str, str]]:
        """The associations with both ends among the urns, in order."""
        associations = {
            (association["source"], association["destination"], association["type"])
            for urn in urns
            for _, association in self.down.get(urn, [])
            if association["source"] in urns and association["destination"] in urns and via(association)
        }
        return sorted(associations)

    def counts(self, urns: Iterable[str]) -> dict[str, int]:
        return dict(Counter(self.entities[urn]["kind"] for urn in urns))


def merged(distances: list[dict[str, int]]) -> dict[str, int]:
    least: dict[str, int] = {}
    for distance in distances:
        for urn, d in distance.items():
            least[urn] = min(d, least.get(urn, d))
    return least
