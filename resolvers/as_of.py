"""As of when a field answers: the two times a caller may give, over what holds around the field."""

from dataclasses import dataclass, replace
from typing import Any

from lineal.graphstore.records import AsOf, View


@dataclass(frozen=True, slots=True)
class AskedView(View):
    """A view as of a recorded time that a caller gave.

    Its watermark is that time, or the newest batch's where that is less: `asked` stays what was given, so that pages of
    one question know each other while batches come in.
    """

    asked: int


def asked_of(view: View) -> int | None:
    """The recorded time a caller gave for a view; None where it is of the present."""
    return view.asked if isinstance(view, AskedView) else None


def as_of(view: View, given: Any, newest: int) -> View:
    """The view of a field that was given an `asOf`, or None, where `view` holds around it.

    Each of the two times that is not given stays that of the view. A recorded time later than `newest` is the present.
    """
    if given is None:
        return view
    if given.occurred_at is not None:
        view = replace(view, as_of=replace(view.as_of, occurred_at=given.occurred_at))
    if given.recorded_at is not None:
        moment = AsOf(min(given.recorded_at, newest), view.as_of.occurred_at)
        view = AskedView(view.scope, moment, given.recorded_at)
    return view
