"""Long computations kept off the event loop."""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

LARGE_BYTES: Final = 8 * 1024
"""The size of an input from which its processing takes milliseconds, and is worth the 0.1 of a thread."""


async def off_loop_if(
    is_large: bool, work: Callable[Arguments, Result], *args: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """The result of some work, done in a thread if it is large, so that other requests are answered meanwhile."""
    return await asyncio.to_thread(work, *args, **named) if is_large else work(*args, **named)
