"""A request pays for what it looks through, and one principal's requests do not hold up another's."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
from keys import make_account, make_key
from server_process import Server, serving

COUNT = 3000
VALUES = 3000
COUNTED = COUNT // 500
COMPARED = COUNT // 100 + COUNT // 6
UNINDEXED = "where: {not: {name: {contains: %s, ignoreCase: true}}}"


class Callers:
    """Keys of an account with many entities, one of an account without any, and a server with a low limit."""

    def __init__(self, server: Server, keys: dict[str, str]) -> None:
        self.server, self.keys = server, keys

    def post(self, who: str, query: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.keys[who]}"}
        return self.server.client.post("/graphql", json={"query": query}, headers=headers, timeout=120)

    def cost(self, who: str, query: str) -> int:
        """What an answer without errors has cost."""
        answer = self.post(who, query).json()
        assert "errors" not in answer, answer
        requested: int = answer["extensions"]["cost"]["requested"]
        return requested


def key_file(folder: Path, **settings: Any) -> str:
    file = folder / "lineal.toml"
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    return str(file)


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    folder = tmp_path_factory.mktemp("callers")
    store = f"sqlite:///{folder}/lineal.db"
    make_account(store, "acme")
    make_account(store, "blind")
    names = {"ann": "acme", "eve": "acme", "spender": "acme", "blind": "blind"}
    keys = {name: make_key(store, account, name) for name, account in names.items()}
    config = key_file(folder, max_values=VALUES, cost_per_minute=60_000)
    with serving(store, folder, "--config", config, token=keys["ann"]) as server:
        entities = [{"kind": "DATASET", "name": f"entity-{n}"} for n in range(COUNT)]
        record = "mutation ($i: LineageRecordInput!) { lineageRecord(input: $i) { userErrors { message } } }"
        for start in range(0, COUNT, 1000):
            made = server.ask(record, i={"entities": entities[start : start + 1000]})
            assert made == {"lineageRecord": {"userErrors": []}}
        yield Callers(server, keys)


def counts(number: int) -> str:
    fields = (f"a{n}: entities({UNINDEXED % json.dumps(f'no-{n}')}) {{ totalCount }}" for n in range(number))
    return f"{{ {' '.join(fields)} }}"


def test_what_is_looked_through_is_paid(callers: Callers) -> None:
    by_id = callers.cost("ann", '{ node(id: "AAAAAAAAAAAAAAAAAAAAAA") { id } }')
    assert by_id < 10
    counted = callers.cost("ann", "{ entities { totalCount } }")
    assert counted == 2 + COUNTED
    assert callers.cost("ann", counts(1)) == 2 + COMPARED
    assert callers.cost("ann", counts(3)) == 3 * callers.cost("ann", counts(1))


def test_aliases_that_ask_the_same_pay_once(callers: Callers) -> None:
    aliases = (f"a{n}: entities(first: {n + 1}, {UNINDEXED % json.dumps('no')}) {{ totalCount }}" for n in range(9))
    assert callers.cost("ann", f"{{ {' '.join(aliases)} }}") == 9 * 2 + COMPARED


def test_a_request_is_refused_before_it_costs_too_much(callers: Callers) -> None:
    answer = callers.post("ann", counts(60)).json()
    (message,) = {error["message"] for error in answer["errors"]}
    assert message.startswith(f"Comparing the records of {COUNT:,} entities, which no index does for this filter or ")
    assert f"costs {COUNT // 6}, and this request, which has cost 2," in message
    assert "may cost 3,000 in all: narrow it by kind, account or time" in message
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"LIMIT_EXCEEDED"}
    assert answer["extensions"]["cost"]["requested"] <= VALUES


def test_a_principal_that_sees_nothing_pays_nothing(callers: Callers) -> None:
    for query in (counts(60), '{ entities(orderBy: {field: PROPERTY, propertyKey: "x"}) { totalCount } }'):
        answer = callers.post("blind", query).json()
        assert "errors" not in answer
        assert answer["extensions"]["cost"]["requested"] <= 2 * 60


def test_a_principal_has_a_budget_of_cost(callers: Callers) -> None:
    answers = []
    for _ in range(60):
        answers.append(callers.post("spender", counts(5)))
        if answers[-1].status_code != 200:
            break
    refused = answers[-1]
    assert len(answers) > 20
    assert refused.status_code == 429
    assert refused.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert "have cost more than your budget" in refused.json()["errors"][0]["message"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert callers.post("ann", "{ viewer { principal } }").status_code == 200


def test_costly_requests_of_one_principal_do_not_hold_up_another(callers: Callers) -> None:
    began, ended = monotonic(), []

    def attack() -> None:
        callers.post("eve", counts(60))
        ended.append(monotonic())

    attackers = [threading.Thread(target=attack) for _ in range(12)]
    for each in attackers:
        each.start()
    waits: list[float] = []
    while len(ended) < len(attackers) and len(waits) < 200:
        asked = monotonic()
        assert callers.post("ann", "{ entities(first: 1) { nodes { id } } }").status_code == 200
        waits.append(monotonic() - asked)
        assert callers.server.client.get("/readyz").status_code == 200
    for each in attackers:
        each.join()
    assert max(waits) < (max(ended) - began) / 2
