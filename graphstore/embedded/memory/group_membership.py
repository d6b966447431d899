"""The present groups of every entity, as the number of its set of groups.

Membership is always the present one, so one state serves reads as of any time. It is loaded when the first read under a
limited scope asks for it, and brought up to date by later ones.
"""

from collections.abc import Iterable
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lineal.auth.scopes import default_group
from lineal.graphstore.codes import KIND_BITS
from lineal.graphstore.embedded.memory.key_arrays import Keys


class Membership(NamedTuple):
    """The groups of one entity, without its account's default group. Compartments number distinct sets of groups."""

    key: int
    account: str
    compartment: int
    groups: frozenset[str]


class MembershipSource(Protocol):
    """The entities and their groups in one snapshot of the database."""

    def last_entity_key(self) -> int:
        """The greatest entity key; 0 where there is none."""

    def last_membership_epoch(self) -> int:
        """The epoch of the newest change of members; 0 where there is none."""

    def entity_indices_after(self, key: int) -> Iterable[tuple[str, Keys]]:
        """Accounts, each with the upper bits of the keys of its entities that come after a key."""

    def memberships_after(self, epoch: int) -> Iterable[Membership]:
        """The memberships that changed after an epoch."""


class GroupMembership:
    """The distinct sets of groups, and for every entity the number of its set."""

    def __init__(self) -> None:
        self.sets: list[frozenset[str]] = []
        """The sets of groups, by number. Sets are only appended."""
        self.numbers = np.zeros(1024, np.int32)
        """The number of every entity's set, indexed by the upper bits of the entity's key."""
        self.epoch = 0
        """The epoch of the newest change of members that is loaded."""
        self.homes: dict[tuple[str, int], int] = {}
        """The number of the set of an account and compartment (0: none)."""
        self._number_of: dict[frozenset[str], int] = {}
        self._last_key = 0
        self._lock = Lock()

    @property
    def loaded_numbers(self) -> NDArray[np.int32]:
        """The numbers of the sets of the entities that are loaded."""
        return self.numbers[1 : (self._last_key >> KIND_BITS) + 1]

    def follow(self, source: MembershipSource) -> None:
        """Load the entities and memberships of a snapshot that are not loaded yet."""
        last_key, epoch = source.last_entity_key(), source.last_membership_epoch()
        if last_key <= self._last_key and epoch <= self.epoch:
            return
        with self._lock:
            if last_key > self._last_key:
                self._load_entities(source, last_key)
            if epoch > self.epoch:
                for key, account, compartment, groups in source.memberships_after(self.epoch):
                    self.numbers[key >> KIND_BITS] = self._home(account, compartment, groups)
                self.epoch = epoch

    def _load_entities(self, source: MembershipSource, last_key: int) -> None:
        size = (last_key >> KIND_BITS) + 1
        if size > len(self.numbers):
            numbers = np.zeros(max(size, 3 * len(self.numbers) // 2), np.int32)
            numbers[: len(self.numbers)] = self.numbers
            self.numbers = numbers
        for account, indices in source.entity_indices_after(self._last_key):
            self.numbers[indices] = self._home(account, 0, frozenset())
        self._last_key = last_key

    def _home(self, account: str, compartment: int, groups: frozenset[str]) -> int:
        number = self.homes.get((account, compartment))
        if number is None:
            groups |= {default_group(account)}
            number = self._number_of.get(groups)
            if number is None:
                number = self._number_of[groups] = len(self.sets)
                self.sets.append(groups)
            self.homes[account, compartment] = number
        return number
