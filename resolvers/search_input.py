"""What to search for and in which order, as given in GraphQL."""

from typing import Any, Final

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.full_text import words_of
from lineal.graphstore.kinds import OrderDirection
from lineal.graphstore.queries import BY_URN, EntityOrderField, Ordering
from lineal.graphstore.values import text_problem
from lineal.resolvers.errors import BadInput

MOST_SEARCHED: Final = 1000
"""The most characters a text to search for may have."""
MOST_WORDS: Final = 20
"""The most different words it may have."""


def search_text(given: str | None) -> str | None:
    """A text to search for, or None. Raises BadInput where it has no word, and LimitExceeded past the limits above."""
    if given is None:
        return None
    if len(given) > MOST_SEARCHED:
        raise LimitExceeded(f"search has {len(given)} characters; the most is {MOST_SEARCHED}: search for fewer words")
    if problem := text_problem(given):
        raise BadInput(f"search {problem}")
    words = set(words_of(given))
    if not words:
        raise BadInput("search holds no word: give at least one letter or digit, or leave it out")
    if len(words) > MOST_WORDS:
        raise LimitExceeded(f"search has {len(words)} words; the most is {MOST_WORDS}: search for fewer")
    return given


def ordering(given: Any) -> Ordering:
    """An EntityOrder input as an order; by urn unless given. Raises BadInput on a key too many or too few."""
    if given is None:
        return BY_URN
    field, key = EntityOrderField(given.field), given.property_key
    by_property = field is EntityOrderField.PROPERTY
    if by_property and not key:
        raise BadInput("orderBy PROPERTY needs a propertyKey: give the key of the property to order by")
    if key is not None and not by_property:
        raise BadInput(f"orderBy {field} takes no propertyKey: leave it out, or order by PROPERTY")
    return Ordering(field, key, OrderDirection(given.direction) is OrderDirection.DESCENDING)
