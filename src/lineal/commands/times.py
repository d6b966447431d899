"""Times in the options of commands."""

from datetime import date

import click

from lineal.graphstore.values import format_timestamp, parse_timestamp


def parse_time(option: str, text: str) -> int:
    """The microseconds of an option that is a time, or a date (its beginning in UTC). Raises UsageError."""
    try:
        return parse_timestamp(f"{date.fromisoformat(text)}T00:00:00Z" if len(text) == 10 else text)
    except ValueError:
        raise click.UsageError(
            f"{option} is {text!r}: write a date, 2027-03-01, or a time, 2027-03-01T12:00:00Z"
        ) from None


def as_of_argument(as_of: str | None, occurred_by: str | None) -> dict[str, str]:
    """The argument `asOf` for two options. Raises UsageError if either is not a time."""
    times = {"recordedAt": ("--as-of", as_of), "occurredAt": ("--occurred-by", occurred_by)}
    return {name: format_timestamp(parse_time(flag, text)) for name, (flag, text) in times.items() if text is not None}


def as_of_text(at: dict[str, str]) -> str:
    """The text of an argument `asOf`, such as `recorded by TIME`."""
    words = {"recordedAt": "recorded", "occurredAt": "occurred"}
    return ", ".join(f"{words[name]} by {time}" for name, time in at.items())
