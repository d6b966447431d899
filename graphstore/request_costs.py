"""The cost of a request, carried from the request that opens a meter to the reads that charge it.

The unit is that of a document's estimated values. A read charges what it is about to look through, counted in what the
caller may see, so that no cost reveals what is hidden. What it looks through besides is bounded by turns and deadlines.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from lineal.graphstore.errors import LimitExceeded

ROWS_OF_VALUE: Final = 500
"""Rows of an index or table that are counted for the cost of one value: about 100 microseconds."""
COMPARED_ROWS_OF_VALUE: Final = 100
"""Rows whose columns are compared for the cost of one value."""
RECORDS_OF_VALUE: Final = 6
"""Records that are read and compared for the cost of one value."""
PROPERTIES_OF_VALUE: Final = 50
"""Records of which one property is read, for an order, for the cost of one value."""
_UNLIMITED: Final = 1 << 62


@dataclass(slots=True)
class Meter:
    """The cost of one request of a principal: what it has spent, of at most `limit`. Safe to charge from any thread."""

    principal: str = ""
    limit: int = _UNLIMITED
    spent: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def charge(self, cost: int, work: str) -> None:
        """Add the cost of some work. Raises LimitExceeded, and adds nothing, where it would exceed the limit."""
        with self._lock:
            if self.spent + cost > self.limit:
                raise LimitExceeded(
                    f"{work} costs {cost:,}, and this request, which has cost {self.spent:,} so far, may cost "
                    f"{self.limit:,} in all: narrow it by kind, account or time, by equality or the beginning of a "
                    "text, or ask for fewer fields at once"
                )
            self.spent += cost


_current: ContextVar[Meter] = ContextVar("meter", default=Meter())  # noqa: B039 (unlimited: what it spends is nobody's)


def current_meter() -> Meter:
    """The meter of the running task or thread; an unlimited one of no principal where none is open."""
    return _current.get()


@contextmanager
def metered(meter: Meter) -> Iterator[Meter]:
    """Run a block on a meter."""
    token = _current.set(meter)
    try:
        yield meter
    finally:
        _current.reset(token)


def charge_rows(count: int, *, compared: bool) -> None:
    """Charge rows that are about to be looked through, and maybe compared in a column."""
    of_value = COMPARED_ROWS_OF_VALUE if compared else ROWS_OF_VALUE
    current_meter().charge(count // of_value, f"Looking through {count:,} entities")


def charge_records(count: int) -> None:
    """Charge records that are about to be read and compared."""
    current_meter().charge(
        count // RECORDS_OF_VALUE,
        f"Comparing the records of {count:,} entities, which no index does for this filter or search,",
    )


def charge_properties(count: int) -> None:
    """Charge records of which a property is about to be read, for an order."""
    current_meter().charge(count // PROPERTIES_OF_VALUE, f"Sorting {count:,} entities by a property")
