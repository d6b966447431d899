"""The `asOf` argument: the two times of a field's view, over those of the enclosing field."""

from dataclasses import dataclass, replace
from typing import Any

from lineal.graphstore.records import AsOf, View
from lineal.graphstore.values import format_timestamp


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


def moment(view: View) -> str | None:
    """The name of the `asOf` that a view was requested with; None for the present.

    Views of the same two times have the same name, views of other times another. The watermark of a page is not in it.
    """
    requested = {"recorded": requested_recorded_at(view), "occurred": view.as_of.occurred_at}
    names = [f"{which}:{format_timestamp(time)}" for which, time in requested.items() if time is not None]
    return ",".join(names) or None


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
