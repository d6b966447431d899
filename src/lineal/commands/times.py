"""Times as people write them on the command line."""

from datetime import date

import click

from lineal.graphstore.values import parse_timestamp


def moment(option: str, text: str) -> int:
    """The microseconds of a time, or of a date's beginning in UTC, given as an option. Raises UsageError."""
    try:
        return parse_timestamp(f"{date.fromisoformat(text)}T00:00:00Z" if len(text) == 10 else text)
    except ValueError:
        raise click.UsageError(
            f"{option} is {text!r}: write a date, 2027-03-01, or a time, 2027-03-01T12:00:00Z"
        ) from None
