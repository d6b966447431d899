"""What access costs: B1 by a principal in 1,000 groups beside the local administrator, in alternating rounds.

    scripts/bench --access [GRAPH.jsonl]

Every entity is in its account's default group and in one of 1,000 others; policies of all of them permit the principal
to read, one by one. Prints a table in Markdown of minimum and median milliseconds, and of ratios of the medians.
"""

import asyncio
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from bench import CLOSURE, ENDPOINTS, LINEAL, Graph, served, timed

from lineal.auth.access_service import AccessService
from lineal.auth.access_store import AccessChange, Membership
from lineal.auth.operations.accounts import create_account
from lineal.auth.operations.api_keys import create_key
from lineal.auth.operations.group_policies import set_policy
from lineal.auth.operations.groups import create_group
from lineal.auth.principals import LOCAL
from lineal.auth.scopes import default_group
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.opening import open_store
from lineal.graphstore.urns import entity_id, make_urn

GROUPS = 1000
ROUNDS = 9
POLICY = """permit (principal == Lineal::Principal::"bench/reader",
  action in [Lineal::Action::"Read", Lineal::Action::"ReadProperties", Lineal::Action::"Traverse"], resource);"""


async def grouped(store: str, graph: Graph) -> str:
    """Put every entity in a group, let the reader read them all; the reader's key."""
    async with await open_store(store) as opened:
        access_service = AccessService(opened)
        accounts = sorted({entity["account"] for entity in graph.entities.values()})
        for account in (*accounts, "bench"):
            await access_service.change(LOCAL, create_account(account))
        groups: dict[str, list[str]] = {account: [] for account in accounts}
        for number in range(GROUPS):
            account = accounts[number % len(accounts)]
            groups[account].append((await access_service.change(LOCAL, create_group(f"g{number}", account=account))).id)
        for group in (*map(default_group, accounts), *(id for ids in groups.values() for id in ids)):
            await access_service.change(LOCAL, set_policy(group, POLICY))
        joins = []
        for number, entity in enumerate(graph.entities.values()):
            urn = make_urn(entity["account"], EntityKind(entity["kind"]), entity["name"], entity["version"])
            mine = groups[entity["account"]]
            joins.append(Membership(mine[number % len(mine)], entity_id(urn)))
        await opened.change_access(AccessChange(joins=tuple(joins)), epoch=(await opened.newest()).epoch)
        return (await access_service.change(LOCAL, create_key("reader", account="bench"))).text


def closure_page(client: httpx.Client, key: str | None, query: str, **variables: Any) -> Any:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    answer = client.post("/graphql", json={"query": query, "variables": variables}, headers=headers).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]["entity"]["descendants"]


def count_over_pages(client: httpx.Client, key: str | None, urn: str, depth: int) -> int:
    after, count = None, 0
    while True:
        page = closure_page(client, key, CLOSURE, urn=urn, depth=depth, after=after)
        count += len(page["edges"])
        if not page["pageInfo"]["hasNextPage"]:
            return count
        after = page["pageInfo"]["endCursor"]


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "graph.jsonl"
        if len(sys.argv) < 2:
            subprocess.run([sys.executable, "-m", "lineal.capture.sample", "20000", path], check=True)
        graph = Graph(path)
        store = f"sqlite:///{folder}/lineal.db"
        subprocess.run([*LINEAL, "ingest", str(path), "--store", store], check=True, capture_output=True)
        key = asyncio.run(grouped(store, graph))
        start = graph.raw_dataset()
        entity = graph.entities[start]
        urn = make_urn(entity["account"], EntityKind(entity["kind"]), entity["name"], entity["version"])
        whole = len(graph.closure(start))
        names = ("every endpoint downstream", "the whole closure in pages of 1,000")
        seconds: dict[tuple[str, bool], list[float]] = {(name, by): [] for name in names for by in (False, True)}
        with served(store, "--dev") as dev, served(store) as keyed:
            for round in range(ROUNDS + 1):
                for client, by in ((dev, None), (keyed, key)):
                    depth = 1000 + 2 * round
                    took, _ = timed(partial(closure_page, client, by, ENDPOINTS, urn=urn, depth=depth))
                    more, count = timed(partial(count_over_pages, client, by, urn, depth + 1))
                    assert count == whole, (count, whole)
                    if round > 0:
                        seconds[names[0], by is not None].append(took * 1000)
                        seconds[names[1], by is not None].append(more * 1000)
    print(f"{len(graph.entities):,} entities in {GROUPS:,} groups; a closure of {whole:,}.\n")
    print("| B1 | administrator, ms: min / median | in 1,000 groups, ms: min / median | ratio of medians |")
    print("|---|---|---|---|")
    for name in names:
        plain, scoped = seconds[name, False], seconds[name, True]
        cells = [f"{min(each):.1f} / {median(each):.1f}" for each in (plain, scoped)]
        print(f"| {name} | {cells[0]} | {cells[1]} | {median(scoped) / median(plain):.2f} |")


if __name__ == "__main__":
    main()
