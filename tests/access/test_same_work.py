"""A hidden id and an absent one cost the same work: the same statements, in the same order, and no audit write."""

from typing import Any

import pytest
from graphql_requests import data
from tenants import admin, member, tenants

from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.urns import entity_id

HIDDEN, ABSENT = "lineal:a:DATASET:d", "lineal:c:DATASET:d"
"""Both are as near to what the caller may see, so that the search for a suggestion is the same."""
QUERIES = (
    "query ($u: String!) { entity(urn: $u) { id name digest history { totalCount } } }",
    "query ($i: ID!) { node(id: $i) { id } }",
    "query ($i: ID!) { nodes(ids: [$i]) { id } }",
    "query ($i: ID!) { lineage(from: [{id: $i}], direction: BOTH) { totalCount } }",
    "query ($u: String!) { lineage(from: [{urn: $u}], direction: DESCENDANTS) { totalCount } }",
)


@pytest.mark.parametrize("query", QUERIES)
async def test_a_hidden_id_costs_what_an_absent_one_costs(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await tenants("a", "b") as store:
        statements: list[str] = []
        execute = Connection.execute

        def counted(connection: Connection, statement: str, *given: Any, **named: Any) -> Any:
            statements.append(statement)
            return execute(connection, statement, *given, **named)

        monkeypatch.setattr(Connection, "execute", counted)
        for caller in (member("b"), admin("b")):
            work = []
            # Twice, as what the first request fetches may be kept.
            for urn in (ABSENT, HIDDEN, ABSENT, HIDDEN):
                statements.clear()
                answer = await data(store, query, {"u": urn} if "$u" in query else {"i": entity_id(urn)}, caller)
                assert all(value in (None, [None]) for value in answer.values()), answer
                work.append(list(statements))
            assert work[2] == work[3]
            assert not any("audit" in statement for statement in work[3]), "denials are written on a timer"
