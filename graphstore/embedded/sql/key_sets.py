"""What decides on entities without their records being read, and for which of some it holds.

What the index names is read as an array of keys, and compared as such: that takes a tenth of a microsecond an entity,
where one that SQLite looks up and compares takes ten times that.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import chain, islice
from typing import Final, TypeAlias

import apsw
import numpy as np

from lineal.graphstore.codes import KIND_MASK
from lineal.graphstore.embedded.memory.key_arrays import NO_KEYS, Keys, among, ascending
from lineal.graphstore.embedded.sql.filter_sql import Condition, joined

CONTENT: Final = "LEFT JOIN entity_content c ON c.key = e.key"
MOST_LOOKED_UP: Final = 10_000
"""Up to so many entities it is looked up whether they were revised; of more, all that were revised are read."""
_AT_FIRST: Final = 1 << 12
_AT_ONCE: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Arm:
    """A SELECT of the keys, as `key`, of all entities that a condition can hold for; some may come twice."""

    sql: str
    parameters: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """Holds for what an arm names. Of what `doubtful` names only the records tell."""

    arm: Arm
    doubtful: Arm | None = None


@dataclass(frozen=True, slots=True)
class OfKinds:
    """Holds for the kinds of some codes."""

    codes: frozenset[int]


@dataclass(frozen=True, slots=True)
class All:
    """Holds where all of some do."""

    parts: tuple["Decision", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Holds where any of some does."""

    parts: tuple["Decision", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Holds where another does not."""

    part: "Decision"


Decision: TypeAlias = Condition | Named | OfKinds | All | Either | Not
"""A Condition is on `entity e` and `entity_content c`."""


def named_in(decision: Decision) -> Iterator[Named]:
    """What of a decision the index names."""
    match decision:
        case Named():
            yield decision
        case All(parts) | Either(parts):
            for part in parts:
                yield from named_in(part)
        case Not(part):
            yield from named_in(part)


def as_condition(decision: Decision) -> Condition:
    """A decision that names nothing by the index, as a condition on `entity e` and `entity_content c`."""
    match decision:
        case Condition():
            return decision
        case OfKinds(codes):
            return Condition(f"e.kind IN ({', '.join(map(str, sorted(codes)))})")
        case All(parts):
            return joined(map(as_condition, parts), "AND", "true")
        case Either(parts):
            return joined(map(as_condition, parts), "OR", "false")
        case Not(part):
            condition = as_condition(part)
            return Condition(f"NOT {condition.sql}", condition.parameters)
        case Named():
            raise AssertionError("what the index names is no condition on a row")


class KeySets:
    """Decisions on entities of one connection's transaction. Keys are in ascending order, each once."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def keys(self, statement: str, parameters: tuple[object, ...] = ()) -> Keys:
        """The keys that a statement selects."""
        found = list(self.chunks(statement, parameters))
        return found[0] if len(found) == 1 else ascending(np.concatenate([NO_KEYS, *found]))

    def chunks(self, statement: str, parameters: tuple[object, ...] = ()) -> Iterator[Keys]:
        """The keys that a statement selects, some after others, each chunk in ascending order."""
        # Neither an object of each nor a text of all is kept: only what NumPy makes of so many at once.
        each, size = chain.from_iterable(self._connection.execute(statement, parameters)), _AT_FIRST
        while len(some := np.fromiter(islice(each, size), np.int64)):
            yield ascending(some)
            size = min(8 * size, _AT_ONCE)

    def named(self, arm: Arm | None) -> Keys:
        """What an arm names; without one, all entities."""
        return self.keys("SELECT e.key FROM entity e") if arm is None else self.keys(arm.sql, arm.parameters)

    def revised(self, keys: Keys) -> Keys:
        """Those that were ever revised."""
        if len(keys) <= MOST_LOOKED_UP:
            revised = "SELECT f.value FROM carray(?) f WHERE EXISTS (SELECT 1 FROM revision v WHERE v.entity = f.value)"
            return self.keys(revised, (carried(keys),))
        return keys[among(keys, self.keys("SELECT entity FROM revision"))]

    def where(self, keys: Keys, condition: Condition) -> Keys:
        """Those that a condition on `entity e` and `entity_content c` holds for."""
        if condition.sql == "true":
            return keys
        content = CONTENT if "c." in condition.sql else ""
        rows = f"SELECT e.key FROM carray(?) f CROSS JOIN entity e ON e.key = f.value {content} WHERE {condition.sql}"
        return self.keys(rows, (carried(keys), *condition.parameters))

    def holding(self, decision: Decision, keys: Keys) -> Keys:
        """Those that a decision holds for."""
        match decision:
            case Condition():
                return self.where(keys, decision)
            case Named(arm):
                return keys[among(keys, self.named(arm))]
            case OfKinds(codes):
                return keys[np.isin(keys & KIND_MASK, list(codes))]
            case All(parts):
                # What looks at rows comes last, and looks at each once.
                swift = [part for part in parts if not isinstance(part, Condition)]
                left = reduce(lambda some, part: self.holding(part, some), swift, keys)
                return self.where(left, _all_of(part for part in parts if isinstance(part, Condition)))
            case Either(parts):
                return ascending(np.concatenate([NO_KEYS, *(self.holding(part, keys) for part in parts)]))
            case Not(part):
                return keys[~among(keys, self.holding(part, keys))]


def _all_of(conditions: Iterable[Condition]) -> Condition:
    return joined(conditions, "AND", "true")


def carried(keys: Keys) -> object:
    """Keys as a value that `carray(?)` turns into rows."""
    # An empty array lies at no aligned address, which apsw refuses; no row has the key 0.
    return apsw.carray(keys if len(keys) else np.zeros(1, np.int64))
