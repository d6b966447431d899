"""The connection to SQLite that every read and write runs on."""

from collections.abc import Callable
from typing import Any, Final

import apsw

from lineal.graphstore import deadlines

STEPS_BETWEEN_CHECKS: Final = 20_000
"""A statement checks its deadline after this many steps, which take some milliseconds."""


class Connection(apsw.Connection):
    """A connection that stops at the current deadline, and whose statements may call two functions of entity keys.

    `sees(key)`: whether the entity is readable; `matches(key)`: whether it is one of the matches. Both are set before
    the statement runs.
    """

    def __init__(self, path: str, *, creates: bool) -> None:
        create = apsw.SQLITE_OPEN_CREATE if creates else 0
        super().__init__(path, flags=apsw.SQLITE_OPEN_READWRITE | create)
        # Called on the thread that runs the statement, whose deadline is the current one.
        self.set_progress_handler(lambda: deadlines.current().is_over, STEPS_BETWEEN_CHECKS)
        self.sees: Callable[[Any], int] = lambda key: 0
        self.matches: Callable[[Any], int] = lambda key: 0
        self.create_scalar_function("sees", lambda *keys: self.sees(keys[0]), 1)
        self.create_scalar_function("matches", lambda *keys: self.matches(keys[0]), 1)

    def execute(
        self,
        statements: str,
        bindings: Any = None,
        *,
        can_cache: bool = True,
        prepare_flags: int = 0,
        explain: int = -1,
    ) -> apsw.Cursor:
        """Run statements. Raises LimitExceeded if the current deadline is over; apsw's own errors."""
        deadlines.check()
        return super().execute(statements, bindings, can_cache=can_cache, prepare_flags=prepare_flags, explain=explain)

    def roll_back(self) -> None:
        """End the transaction, if there is one, whatever the current deadline."""
        if self.in_transaction:
            super().execute("ROLLBACK")
