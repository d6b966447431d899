"""The `search` and `orderBy` arguments."""

from typing import Any, Final

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.full_text import words_of
from lineal.graphstore.kinds import OrderDirection
from lineal.graphstore.queries import BY_URN, EntityOrderField, Ordering
from lineal.graphstore.values import text_problem
from lineal.resolvers.errors import BadInput

MOST_SEARCHED: Final = 1000
"""Greatest number of characters of a search."""
MOST_WORDS: Final = 20
"""Greatest number of different words of a search."""


def search_text(text: str | None) -> str | None:
    """The search, or None. Raises BadInput where it has no word, LimitExceeded where it exceeds the limits above."""
    if text is None:
        return None
    if len(text) > MOST_SEARCHED:
        raise LimitExceeded(f"search has {len(text)} characters; the most is {MOST_SEARCHED}: search for fewer words")
    if problem := text_problem(text):
        raise BadInput(f"search {problem}")
    words = set(words_of(text))
    if not words:
        raise BadInput("search holds no word: give at least one letter or digit, or leave it out")
    if len(words) > MOST_WORDS:
        raise LimitExceeded(f"search has {len(words)} words; the most is {MOST_WORDS}: search for fewer")
    return text


def ordering(text: Any) -> Ordering:
    """The order of an EntityOrder input; by urn for None. Raises BadInput on a missing or superfluous propertyKey."""
    if text is None:
        return BY_URN
    field, key = EntityOrderField(text.field), text.property_key
    by_property = field is EntityOrderField.PROPERTY
    if by_property and not key:
        raise BadInput("orderBy PROPERTY needs a propertyKey: give the key of the property to order by")
    if key is not None and not by_property:
        raise BadInput(f"orderBy {field} takes no propertyKey: leave it out, or order by PROPERTY")
    return Ordering(
        field, key, text.direction is not None and OrderDirection(text.direction) is OrderDirection.DESCENDING
    )
