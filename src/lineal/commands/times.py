"""Times as people write them on the command line."""

from datetime import date

import click

from lineal.graphstore.values import format_timestamp, parse_timestamp


def moment(option: str, text: str) -> int:
    """The microseconds of a time, or of a date's beginning in UTC, given as an option. Raises UsageError."""
    try:
        return parse_timestamp(f"{date.fromisoformat(text)}T00:00:00Z" if len(text) == 10 else text)
    except ValueError:
        raise click.UsageError(
            f"{option} is {text!r}: write a date, 2027-03-01, or a time, 2027-03-01T12:00:00Z"
        ) from None


def moment_asked(as_of: str | None, occurred_by: str | None) -> dict[str, str]:
    """What the flags say, as an `asOf`. Raises UsageError where either is no time."""
    given = {"recordedAt": ("--as-of", as_of), "occurredAt": ("--occurred-by", occurred_by)}
    return {name: format_timestamp(moment(flag, text)) for name, (flag, text) in given.items() if text is not None}


def shown_moment(at: dict[str, str]) -> str:
    """An `asOf` in words."""
    words = {"recordedAt": "recorded", "occurredAt": "occurred"}
    return ", ".join(f"{words[name]} by {time}" for name, time in at.items())
