"""The scalars DateTime, JSON and MetricNumber."""

from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from lineal.graphstore.metric_values import read_value, shown_value
from lineal.graphstore.values import Json as JsonValue
from lineal.graphstore.values import format_timestamp, is_date, parse_date_or_timestamp, parse_timestamp

DateTime = NewType("DateTime", int)
"""Microseconds since 1970, outside an RFC 3339 text."""
JSON = NewType("JSON", object)
"""Any JSON value."""
MetricNumber = NewType("MetricNumber", float)
"""A float, NaN and infinities included."""


class Midnight(int):
    """The beginning, in UTC, of a day that was sent as a date without a time."""


def _parse_time(value: object) -> int:
    # As GraphQL's own error, since any other would pass for a fault of this server.
    if not isinstance(value, str):
        raise GraphQLError("a time is text: write it as 2026-03-01T12:00:00Z")
    try:
        return Midnight(parse_date_or_timestamp(value)) if is_date(value) else parse_timestamp(value)
    except ValueError as error:
        raise GraphQLError(str(error)) from None


def _parse_metric_number(value: object) -> float:
    try:
        return read_value(value)
    except ValueError as error:
        raise GraphQLError(f"the value of a metric {error}") from None


def _same(value: JsonValue) -> JsonValue:
    return value


SCALARS: dict[object, ScalarDefinition] = {
    DateTime: strawberry.scalar(
        name="DateTime",
        description="A time as an RFC 3339 string with an offset, to the microsecond. Answers are in UTC with "
        "six digits: `2026-03-01T12:00:00.000000Z`. In filters and `asOf`, and nowhere else, a date without a time "
        "(`2026-03-01`) is its midnight in UTC.",
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
        serialize=format_timestamp,
        parse_value=_parse_time,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value. Integers keep all 64 bits, in arguments and in answers. A client whose numbers "
        "are less precise sends them as strings of decimal digits and reads `Property.text`.",
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc8259",
        serialize=_same,
        parse_value=_same,
    ),
    MetricNumber: strawberry.scalar(
        name="MetricNumber",
        description='The value of a metric: a 64-bit floating-point number, or one of the strings `"NaN"`, '
        '`"Infinity"` and `"-Infinity"`, because JSON has no such numbers. -0 is recorded as 0.',
        serialize=shown_value,
        parse_value=_parse_metric_number,
    ),
}
