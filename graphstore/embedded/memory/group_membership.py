"""Which groups every entity is in, today, held in memory: a number for each set of groups, by the entity's place.

Membership is always today's, so one state serves reads of every moment. It is learnt when the first read asks under a
scope that does not see everything, and followed from then on.
"""

from collections.abc import Iterator
from threading import Lock
from typing import Any

import apsw
import numpy as np
import orjson

from lineal.auth.scopes import default_group
from lineal.graphstore.codes import KIND_BITS
from lineal.graphstore.embedded.memory.adjacency import Keys


class GroupMembership:
    """The sets of groups, and of every entity the number of its set."""

    def __init__(self) -> None:
        self.sets: list[frozenset[str]] = []
        """By number; only ever appended to."""
        self.numbers = np.zeros(1024, np.int32)
        """Of every entity the number of its set, by its key's upper bits."""
        self.epoch = 0
        """That of the newest change of members which is known."""
        self.homes: dict[tuple[str, int], int] = {}
        """The number of each set by account and compartment, 0 for none."""
        self._known: dict[frozenset[str], int] = {}
        self._last = 0
        self._lock = Lock()

    def follow(self, connection: apsw.Connection) -> None:
        """Know at least what the connection's transaction sees."""
        last: int = connection.execute("SELECT ifnull(max(key), 0) FROM entity").get
        epoch: int = connection.execute("SELECT ifnull(max(epoch), 0) FROM placement").get
        if last <= self._last and epoch <= self.epoch:
            return
        with self._lock:
            if last > self._last:
                self._learn_entities(connection, last)
            if epoch > self.epoch:
                self._learn_members(connection, epoch)

    def _learn_entities(self, connection: apsw.Connection, last: int) -> None:
        room = (last >> KIND_BITS) + 1
        if room > len(self.numbers):
            numbers = np.zeros(max(room, 3 * len(self.numbers) // 2), np.int32)
            numbers[: len(self.numbers)] = self.numbers
            self.numbers = numbers
        for account, places in _entities_after(connection, self._last):
            self.numbers[places] = self._home(account, 0, frozenset())
        self._last = last

    def _learn_members(self, connection: apsw.Connection, epoch: int) -> None:
        rows: list[tuple[Any, ...]] = connection.execute(
            "SELECT p.entity, e.account, p.compartment, c.groups FROM placement p "
            "CROSS JOIN entity e ON e.key = p.entity CROSS JOIN compartment c ON c.id = p.compartment "
            "WHERE p.epoch > ?",
            (self.epoch,),
        ).fetchall()
        for key, account, compartment, groups in rows:
            self.numbers[key >> KIND_BITS] = self._home(account, compartment, frozenset(orjson.loads(groups)))
        self.epoch = epoch

    def _home(self, account: str, compartment: int, more: frozenset[str]) -> int:
        number = self.homes.get((account, compartment))
        if number is None:
            groups = more | {default_group(account)}
            number = self._known.get(groups)
            if number is None:
                number = self._known[groups] = len(self.sets)
                self.sets.append(groups)
            self.homes[account, compartment] = number
        return number


def _entities_after(connection: apsw.Connection, key: int) -> Iterator[tuple[str, Keys]]:
    """The places of the entities after a key, by account.

    SQLite writes the numbers into one text and NumPy reads it: neither makes an object of each.
    """
    by_account = "entity INDEXED BY entity_by_name" if key == 0 else "entity NOT INDEXED"
    rows: Iterator[tuple[str, str]] = connection.execute(
        f"SELECT account, group_concat(key >> {KIND_BITS}) FROM {by_account} WHERE key > ? GROUP BY account", (key,)
    )
    for account, places in rows:
        yield account, np.fromstring(places, np.int64, sep=",")
