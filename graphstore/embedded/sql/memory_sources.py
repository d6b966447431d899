"""Reads the associations and the groups of entities that the engine holds in memory."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import numpy as np
import orjson

from lineal.graphstore.codes import KIND_BITS
from lineal.graphstore.embedded.memory.group_membership import Membership
from lineal.graphstore.embedded.memory.key_arrays import Keys
from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.embedded.sql.visibility import newest

_BATCHES_AT_ONCE: Final = 50


class MemorySource:
    """An `AssociationSource` and a `MembershipSource` over the snapshot of one connection.

    SQLite writes the numbers of many rows into one text, and NumPy parses it: no number becomes a Python object, and
    other threads run while SQLite works.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def watermark(self) -> int:
        """The `recorded_at` of the newest batch in the snapshot."""
        return newest(self._connection)

    def association_count_after(self, watermark: int, most: int) -> int:
        """The number of associations recorded after a watermark, counted up to `most`."""
        count: int = self._connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM association INDEXED BY association_by_time "
            "WHERE recorded_at > ? LIMIT ?)",
            (watermark, most),
        ).get
        return count

    def associations_after(self, watermark: int) -> Iterator[tuple[Keys, Keys, Keys]]:
        """Sources, destinations and type codes of the associations recorded after a watermark, in chunks."""
        batches: Iterator[tuple[str, str, str]] = self._connection.execute(
            "SELECT group_concat(source), group_concat(destination), group_concat(type) "
            "FROM association INDEXED BY association_by_time WHERE recorded_at > ? GROUP BY recorded_at",
            (watermark,),
        )
        while chunk := list(islice(batches, _BATCHES_AT_ONCE)):
            sources, destinations, types = (_parsed(",".join(texts)) for texts in zip(*chunk, strict=True))
            yield sources, destinations, types

    def last_entity_key(self) -> int:
        """The greatest entity key; 0 where there is none."""
        key: int = self._connection.execute("SELECT ifnull(max(key), 0) FROM entity").get
        return key

    def last_membership_epoch(self) -> int:
        """The epoch of the newest change of members; 0 where there is none."""
        epoch: int = self._connection.execute("SELECT ifnull(max(epoch), 0) FROM placement").get
        return epoch

    def entity_indices_after(self, key: int) -> Iterator[tuple[str, Keys]]:
        """Accounts, with the upper bits of the keys of those of their entities that come after a key."""
        by_account = "entity INDEXED BY entity_by_name" if key == 0 else "entity NOT INDEXED"
        rows: Iterator[tuple[str, str]] = self._connection.execute(
            f"SELECT account, group_concat(key >> {KIND_BITS}) FROM {by_account} WHERE key > ? GROUP BY account",
            (key,),
        )
        for account, indices in rows:
            yield account, _parsed(indices)

    def memberships_after(self, epoch: int) -> Iterator[Membership]:
        """The memberships that changed after an epoch."""
        rows: list[tuple[Any, ...]] = self._connection.execute(
            "SELECT p.entity, e.account, p.compartment, c.groups FROM placement p "
            "CROSS JOIN entity e ON e.key = p.entity CROSS JOIN compartment c ON c.id = p.compartment "
            "WHERE p.epoch > ?",
            (epoch,),
        ).fetchall()
        for key, account, compartment, groups in rows:
            yield Membership(key, account, compartment, frozenset(orjson.loads(groups)))


def _parsed(numbers: str) -> Keys:
    return np.fromstring(numbers, np.int64, sep=",")
