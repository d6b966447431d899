"""Random lineage questions put to a running server through GraphQL, each answer compared with the ground truth.

By hand, on a graph of any size (the server must hold exactly the file's records):

    python tests/support/interrogation.py http://127.0.0.1:8000/graphql GRAPH.jsonl [QUESTIONS] [SEED]
"""

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import httpx
from ground_truth import Answer, Cross, Graph, Match, always, never

Ask: TypeAlias = Callable[[str, dict[str, Any]], dict[str, Any]]

QUERY = """
query Ask($from: [EntityRef!]!, $direction: LineageDirection!, $combine: Combine!, $excluding: [EntityRef!],
          $depth: Int,
          $where: EntityFilter, $stopAt: EntityFilter, $via: AssociationFilter, $first: Int, $after: String,
          $paths: Boolean!, $associations: Boolean!) {
  lineage(from: $from, direction: $direction, combine: $combine, excluding: $excluding, depth: $depth,
          where: $where, stopAt: $stopAt, via: $via, first: $first, after: $after) {
    totalCount
    countsByKind { kind count }
    completeness { isComplete reasons visited }
    pageInfo { hasNextPage endCursor }
    edges { distance node { urn } path @include(if: $paths) { source { urn } destination { urn } type } }
    associations(first: 100) @include(if: $associations) {
      totalCount
      nodes { source { urn } destination { urn } type }
    }
  }
}
"""


def over_http(client: httpx.Client, url: str) -> Ask:
    def ask(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer = client.post(url, json={"query": query, "variables": variables}).json()
        assert "errors" not in answer, (answer["errors"], variables)
        data: dict[str, Any] = answer["data"]
        return data

    return ask


class Interrogation:
    """Questions drawn from a seed. `ids` are asked of the server, so that nothing of its id scheme is assumed."""

    def __init__(self, ask: Ask, graph: Graph, seed: int) -> None:
        self.ask, self.graph, self.random = ask, graph, random.Random(seed)
        self.urns = sorted(graph.entities)
        self.kinds = sorted({entity["kind"] for entity in graph.entities.values()})
        self.types = sorted({association["type"] for association in graph.associations})

    def id(self, urn: str) -> str:
        answer = self.ask("query ($urn: String!) { entity(urn: $urn) { id } }", {"urn": urn})
        identity: str = answer["entity"]["id"]
        return identity

    def entity_filter(self) -> tuple[dict[str, Any] | None, Match]:
        kinds = self.random.sample(self.kinds, self.random.randint(1, 3))
        part = str(self.random.randrange(10))
        account = self.graph.entities[self.random.choice(self.urns)]["account"]
        choices: list[tuple[dict[str, Any] | None, Match]] = [
            (None, always),
            ({}, always),
            ({"kind": kinds}, lambda e: e["kind"] in kinds),
            ({"not": {"kind": kinds}}, lambda e: e["kind"] not in kinds),
            ({"name": {"contains": part}}, lambda e: part in e["name"]),
            ({"account": [account]}, lambda e: e["account"] == account),
            (
                {"or": [{"kind": kinds}, {"name": {"contains": part}}]},
                lambda e: e["kind"] in kinds or part in e["name"],
            ),
            (
                {"and": [{"not": {"kind": kinds}}, {"sourceUri": {"exists": True}}]},
                lambda e: e["kind"] not in kinds and bool(e.get("source")),
            ),
        ]
        return self.random.choice(choices)

    def association_filter(self) -> tuple[dict[str, Any] | None, Cross]:
        types = self.random.sample(self.types, self.random.randint(1, len(self.types)))
        moment = self.random.choice(self.graph.associations)["at"]
        choices: list[tuple[dict[str, Any] | None, Cross]] = [
            (None, always),
            ({"type": types}, lambda a: a["type"] in types),
            ({"not": {"type": types}}, lambda a: a["type"] not in types),
            ({"occurredAt": {"gte": moment}}, lambda a: a["at"] >= moment),
        ]
        return self.random.choice(choices)

    def question(self) -> None:
        """Draw one question, read its answer to the last page, and compare everything it says."""
        starts = self.random.sample(self.urns, self.random.choice((1, 1, 1, 2, 3)))
        excluding = self.random.sample(self.urns, self.random.choice((0, 0, 0, 1, 2)))
        direction = self.random.choice(("ASCENDANTS", "DESCENDANTS", "BOTH", "CONNECTED"))
        combine = self.random.choice(("UNION", "UNION", "INTERSECTION"))
        depth = self.random.choice((None, None, None, 1, 2, 3, 5, 9))
        where, matches = self.entity_filter()
        stop_at, stop = self.entity_filter() if self.random.random() < 0.3 else (None, never)
        stop = never if stop_at is None else stop
        via, cross = self.association_filter()
        truth = self.graph.lineage(starts, direction, combine, excluding, depth=depth, stop=stop, via=cross)
        paths = combine == "UNION" and not excluding and len(truth.distance) < 3000
        variables = {
            "from": [{"id": self.id(urn)} for urn in starts],
            "direction": direction,
            "combine": combine,
            "excluding": [{"urn": urn} for urn in excluding] or None,
            "depth": depth,
            "where": where,
            "stopAt": stop_at,
            "via": via,
            "first": self.random.choice((1000, 1000, 100, 7)) if len(truth.distance) < 500 else 1000,
            "paths": paths,
            "associations": self.random.random() < 0.3,
        }
        self.compare(variables, starts, truth, matches, {"depth": depth, "stop": stop, "via": cross})

    def compare(
        self, variables: dict[str, Any], starts: list[str], truth: Answer, matches: Match, how: dict[str, Any]
    ) -> None:
        entities = self.graph.entities
        expected = sorted((d, urn) for urn, d in truth.distance.items() if matches(entities[urn]))
        actual: list[tuple[int, str]] = []
        after = None
        while True:
            page = self.ask(QUERY, {**variables, "after": after})["lineage"]
            actual += [(edge["distance"], edge["node"]["urn"]) for edge in page["edges"]]
            assert page["totalCount"] == len(expected), (variables, page["totalCount"], len(expected))
            counts = {count["kind"]: count["count"] for count in page["countsByKind"]}
            assert counts == self.graph.counts(urn for _, urn in expected), variables
            reasons = set(page["completeness"]["reasons"])
            assert ("DEPTH" in reasons) == truth.cut or variables["combine"] != "UNION" or variables["excluding"]
            assert ("PAGE" in reasons) == page["pageInfo"]["hasNextPage"], variables
            assert page["completeness"]["isComplete"] == (not reasons), variables
            if variables["paths"]:
                for edge in page["edges"]:
                    path = [(s["source"]["urn"], s["destination"]["urn"], s["type"]) for s in edge["path"]]
                    right = self.graph.path(edge["node"]["urn"], starts, variables["direction"], **how)
                    assert path == right, (variables, path, right)
            if variables["associations"]:
                right = self.graph.among(set(starts) | set(truth.distance), how["via"])
                nodes = page["associations"]["nodes"]
                seen = [(n["source"]["urn"], n["destination"]["urn"], n["type"]) for n in nodes]
                assert seen == right[:100], variables
                assert page["associations"]["totalCount"] == len(right), variables
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        assert actual == expected, (variables, actual[:5], expected[:5])


if __name__ == "__main__":
    url, file, *rest = sys.argv[1:]
    count, seed = (int(rest[0]) if rest else 100), (int(rest[1]) if len(rest) > 1 else 1)
    interrogation = Interrogation(over_http(httpx.Client(timeout=120), url), Graph.read(Path(file)), seed)
    for _ in range(count):
        interrogation.question()
    print(f"{count} questions, all answered alike")
