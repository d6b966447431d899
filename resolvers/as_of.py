"""The `asOf` argument: the two times of a field's view, over those of the enclosing field."""

from dataclasses import dataclass, replace
from typing import Any

from lineal.graphstore.records import AsOf, View


@dataclass(frozen=True, slots=True)
class PastView(View):
    """A view as of a recorded time that the caller requested.

    The watermark is that time, or the newest batch's where that is less. `requested` stays the time of the argument, so
    that the cursors of one question stay valid while batches are recorded.
    """

    requested: int


def requested_recorded_at(view: View) -> int | None:
    """The recorded time that the caller requested for a view; None for the present."""
    return view.requested if isinstance(view, PastView) else None


def as_of(view: View, argument: Any, newest: int) -> View:
    """The view of a field with an `asOf` argument, or None, inside a field whose view is `view`.

    A time that the argument does not set stays that of `view`. A recorded time later than `newest` is the present.
    """
    if argument is None:
        return view
    if argument.occurred_at is not None:
        view = replace(view, as_of=replace(view.as_of, occurred_at=argument.occurred_at))
    if argument.recorded_at is not None:
        moment = AsOf(min(argument.recorded_at, newest), view.as_of.occurred_at)
        view = PastView(view.scope, moment, argument.recorded_at)
    return view
