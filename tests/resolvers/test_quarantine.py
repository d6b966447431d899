"""Documents of the quarantine in one answer: read together, and within a limit."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from counting_store import CountingStore
from graphql_requests import answer, data

from lineal.graphstore.opening import open_store
from lineal.graphstore.quarantine import Quarantined, QuarantineLimits, quarantine_id
from lineal.graphstore.store import Store
from lineal.resolvers import quarantine

LIST = "query ($first: Int) { quarantine(first: $first) { nodes { bytes document } } }"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await open_store(f"sqlite:///{tmp_path}/lineal.db") as opened:
        for number in range(3):
            document = bytes([48 + number]) * 10
            id = quarantine_id("a", document)
            kept = Quarantined(id, "a", number, "me", (), None, None, len(document), document)
            await opened.quarantine(kept, QuarantineLimits(30, 1_000_000))
        yield opened


async def test_an_answer_holds_documents_up_to_a_limit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "MOST_DOCUMENT_BYTES", 20)
    result = await answer(store, LIST)
    documents = [each["document"] for each in result.data["quarantine"]["nodes"]]
    assert documents == ["2" * 10, "1" * 10, None]
    (error,) = result.errors
    assert error.message == (
        "The documents of one answer may hold 0 MiB together: ask for fewer at once, by ids or first."
    )
    monkeypatch.setattr(quarantine, "MOST_DOCUMENT_BYTES", 5)
    assert (await data(store, LIST, {"first": 1}))["quarantine"]["nodes"][0]["document"] == "2" * 10


async def test_documents_are_read_in_one_call_and_only_where_they_are_selected(store: Store) -> None:
    counting = CountingStore(store)
    await data(counting, LIST)
    assert counting.calls["quarantined"] == 2
    await data(counting, "{ quarantine { nodes { bytes } } }")
    assert counting.calls["quarantined"] == 3
