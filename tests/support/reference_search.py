"""Full-text search and sort orders of the reference model, without regard to speed."""

from fractions import Fraction
from functools import cmp_to_key
from types import SimpleNamespace
from typing import Any
from unicodedata import category, normalize

from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.queries import EntityOrderField, Ordering
from lineal.graphstore.records import Entity, View
from lineal.graphstore.values import canonical_json


def words(text: str) -> list[str]:
    result, word = [], ""
    for each in normalize("NFKC", normalize("NFKC", text).casefold()) + " ":
        if category(each).startswith(("L", "M", "N")):
            word += each
        elif word:
            result.append(word)
            word = ""
    return result


def search_finds(entity: Entity, search: str) -> bool:
    texts: list[Any] = [entity.title, entity.name, entity.version, entity.type, entity.description, *entity.tags]
    texts += [entity.source.uri] if entity.source else []
    texts += [each.value for each in entity.properties if each.type is PropertyType.STRING]
    for each in entity.properties:
        if each.type is PropertyType.JSON:
            waiting: list[Any] = [each.value]
            while waiting:
                value = waiting.pop()
                waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
                texts += [value] if isinstance(value, str) else []
    mine = [word for text in texts if text is not None for word in words(text)]
    return all(any(word.startswith(wanted) for word in mine) for wanted in words(search))


def sorted_by(entity: Any, ordering: Ordering) -> Any:
    """The sort key of an entity as a list, or None where it has no value."""
    if ordering.field is not EntityOrderField.PROPERTY:
        plain = {
            EntityOrderField.SOURCE_URI: entity.source and entity.source.uri,
            EntityOrderField.KIND: entity.kind and str(entity.kind),
            EntityOrderField.STATUS: entity.status and str(entity.status),
        }
        value = plain[ordering.field] if ordering.field in plain else getattr(entity, ordering.field.lower())
        return value if value is None or isinstance(value, int) else [ord(c) for c in value]
    for property in entity.properties:
        if property.key == ordering.property_key:
            match property.type:
                case PropertyType.BOOLEAN:
                    return [0, int(property.value)]
                case PropertyType.INTEGER | PropertyType.FLOAT:
                    return [1, Fraction(property.value)]
                case PropertyType.STRING:
                    return [2, [ord(c) for c in property.value]]
                case PropertyType.TIMESTAMP:
                    return [3, property.value]
            return [4, [ord(c) for c in canonical_json(property.value)]]
    return None


def in_order(entities: list[Any], ordering: Ordering) -> list[Any]:
    def compared(left: Any, right: Any) -> int:
        one, other = sorted_by(left, ordering), sorted_by(right, ordering)
        if one != other:
            if one is None or other is None:
                return 1 if one is None else -1
            first = other < one if ordering.descending else one < other
            return -1 if first else 1
        return -1 if left.urn < right.urn else 1

    return sorted(entities, key=cmp_to_key(compared))


def nobody(urn: str, view: View) -> Any:
    """Stands for an entity that does not exist: it has a urn, and nothing that is sorted by."""
    names = "kind name version account type status source occurred_at recorded_at recorded_by".split()
    return SimpleNamespace(**dict.fromkeys(names), urn=urn, properties=(), view=view)
