"""How many examples the tests draw whose examples take long: shares of the profile's number."""

from typing import Final

from hypothesis import settings

assert settings.default is not None, "tests/conftest.py loads a profile"
WITH_MANY_QUESTIONS: Final = settings.default.max_examples // 3
"""Examples that are each asked many GraphQL questions."""
ON_SERVERS: Final = settings.default.max_examples // 10
"""Examples on a graph server."""
