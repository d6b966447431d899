"""The quarantine: documents are kept whole with their reasons, within limits, and removed one by one."""

from dataclasses import replace

from lineal.graphstore.quarantine import (
    MICROSECONDS_A_DAY,
    Quarantined,
    QuarantineFilter,
    QuarantineLimits,
    QuarantineQuestion,
    newest_first,
    quarantine_id,
)
from lineal.graphstore.store import Store

LIMITS = QuarantineLimits(days=30, max_bytes=6000)
NOW = 1_700_000_000_000_000


def kept(
    document: bytes, at: int = NOW, account: str = "a", problems: tuple[str, ...] = ("It breaks.",)
) -> Quarantined:
    id = quarantine_id(account, document)
    return Quarantined(id, account, at, "me", problems, f"run {document[:1]!r}", None, len(document), document)


async def listed(store: Store, question: QuarantineQuestion = QuarantineQuestion()) -> list[Quarantined]:  # noqa: B008
    return list((await store.quarantined(question)).items)


async def test_documents_are_listed_newest_first_in_pages(store: Store) -> None:
    assert await listed(store) == []
    documents = [kept(f"{number}\x00\xff".encode("latin-1"), NOW + number) for number in range(3)]
    other = kept(b"0", NOW + 9, account="b")
    for each in (*documents, other):
        await store.quarantine(each, LIMITS)
    assert await listed(store) == [other, *reversed(documents)]
    first = await store.quarantined(QuarantineQuestion("a", first=2))
    assert (list(first.items), first.total, first.has_next) == ([documents[2], documents[1]], 3, True)
    second = await store.quarantined(QuarantineQuestion("a", first=2, before=newest_first(first.items[-1])))
    assert (list(second.items), second.total, second.has_next) == ([documents[0]], 3, False)
    ids = (documents[1].id, documents[0].id, other.id, "none")
    assert await listed(store, QuarantineQuestion("a", ids=ids)) == [documents[1], documents[0]]
    assert await listed(store, QuarantineQuestion("b", ids=ids[:1])) == []
    assert await listed(store, QuarantineQuestion(ids=())) == []
    assert await listed(store, QuarantineQuestion(where=QuarantineFilter(run="run b'0'"))) == [other, documents[0]]
    everything = [other, *reversed(documents)]
    for where, expected in (
        (QuarantineFilter(run="run b'0'", job="none"), []),
        (QuarantineFilter(received_by="me", problem="breaks"), everything),
        (QuarantineFilter(received_by="m"), []),
        (QuarantineFilter(problem="BREAKS"), []),
        (QuarantineFilter(problem="%"), []),
        (QuarantineFilter(since=NOW + 1), everything[:-1]),
        (QuarantineFilter(until=NOW + 1), everything[-1:]),
        (QuarantineFilter(since=NOW + 1, until=NOW + 9), everything[1:3]),
    ):
        assert await listed(store, QuarantineQuestion(where=where)) == expected, where
    (left_out,) = await listed(store, QuarantineQuestion("b", with_documents=False))
    assert left_out == replace(other, document=b"")


async def test_a_document_sent_again_is_one_with_the_newest_reason(store: Store) -> None:
    await store.quarantine(kept(b"x"), LIMITS)
    again = kept(b"x", NOW + 5, problems=("Another.",))
    await store.quarantine(again, LIMITS)
    assert await listed(store) == [again]


async def test_the_oldest_go_where_limits_are_reached(store: Store) -> None:
    for number in range(4):
        await store.quarantine(kept(bytes([number]) * 900, NOW + number), LIMITS)
    assert [each.document[0] for each in await listed(store)] == [3, 2, 1]
    await store.quarantine(kept(b"late", NOW + 31 * MICROSECONDS_A_DAY), LIMITS)
    assert [each.document for each in await listed(store)] == [b"late"]
    await store.quarantine(kept(b"x" * 6000, NOW + 32 * MICROSECONDS_A_DAY), LIMITS)
    assert [each.document for each in await listed(store)] == []


async def test_no_account_takes_the_space_of_another(store: Store) -> None:
    await store.quarantine(kept(b"0", account="b"), LIMITS)
    for number in range(9):
        await store.quarantine(kept(bytes([number]), NOW + number), LIMITS)
    assert [each.account for each in await listed(store)] == ["a"] * 5 + ["b"], "each counts as 1 KiB more"


async def test_a_discarded_document_is_gone(store: Store) -> None:
    await store.quarantine(kept(b"x"), LIMITS)
    await store.quarantine(kept(b"y"), LIMITS)
    assert await store.discard_quarantined(kept(b"x").id)
    assert not await store.discard_quarantined(kept(b"x").id)
    assert await listed(store) == [kept(b"y")]
    assert await store.watermark() == 0
