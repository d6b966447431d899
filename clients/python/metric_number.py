"""The scalar MetricNumber, which is a float here: `ariadne-codegen` copies this module into the generated package."""

import math


def as_json(value: float) -> float | str:
    """A value of a metric as JSON holds it: NaN and infinities as strings."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
