"""The meaning of filters, written a second time, without regard to speed and apart from the code under test."""

from dataclasses import replace
from fractions import Fraction

from lineal.graphstore.kinds import LINEAGE_TYPE, EntityKind, PropertyType
from lineal.graphstore.queries import (
    AssociationFilter,
    EntityFilter,
    Operand,
    PropertyFilter,
    StringFilter,
    TimeFilter,
)
from lineal.graphstore.records import Association, Entity
from lineal.graphstore.values import Property, canonical_json, parse_timestamp


def entity_matches(entity: Entity, where: EntityFilter) -> bool:
    checks = []
    if where.kind is not None:
        checks.append(entity.kind in where.kind)
    if where.lineage_type is not None:
        checks.append(LINEAGE_TYPE[entity.kind] in where.lineage_type)
    if where.type is not None:
        checks.append(entity.type in where.type)
    if where.account is not None:
        checks.append(entity.account in where.account)
    texts = (
        (entity.urn, where.urn),
        (entity.name, where.name),
        (entity.version, where.version),
        (entity.source.uri if entity.source else None, where.source_uri),
        (entity.recorded_by, where.recorded_by),
    )
    checks += [text_matches(text, condition) for text, condition in texts if condition is not None]
    if where.status is not None:
        checks.append(entity.status in where.status)
    if where.tag is not None:
        checks.append(any(tag in entity.tags for tag in where.tag))
    times = ((entity.occurred_at, where.occurred_at), (entity.recorded_at, where.recorded_at))
    checks += [time_matches(time, condition) for time, condition in times if condition is not None]
    checks += [property_matches(entity.properties, condition) for condition in where.property or ()]
    checks += [entity_matches(entity, each) for each in where.and_ or ()]
    if where.or_ is not None:
        checks.append(any(entity_matches(entity, each) for each in where.or_))
    if where.not_ is not None:
        checks.append(not entity_matches(entity, where.not_))
    return all(checks)


def restricted_matches(where: EntityFilter) -> bool:
    """A restricted entity has a kind, and no other field that a filter could ask about."""
    parts = [where]
    for part in parts:
        if replace(part, kind=None, and_=None, or_=None, not_=None) != EntityFilter():
            return False
        parts += [*(part.and_ or ()), *(part.or_ or ()), *filter(None, [part.not_])]

    def holds(part: EntityFilter) -> bool:
        checks = [part.kind is None or EntityKind.RESTRICTED in part.kind]
        checks += [holds(each) for each in part.and_ or ()]
        checks += [part.or_ is None or any(holds(each) for each in part.or_)]
        checks += [part.not_ is None or not holds(part.not_)]
        return all(checks)

    return holds(where)


def association_matches(association: Association, where: AssociationFilter) -> bool:
    checks = []
    if where.type is not None:
        checks.append(association.type in where.type)
    if where.role is not None:
        checks.append(text_matches(association.role, where.role))
    times = ((association.occurred_at, where.occurred_at), (association.recorded_at, where.recorded_at))
    checks += [time_matches(time, condition) for time, condition in times if condition is not None]
    checks += [property_matches(association.properties, condition) for condition in where.property or ()]
    if where.not_ is not None:
        checks.append(not association_matches(association, where.not_))
    return all(checks)


def text_matches(text: str | None, where: StringFilter) -> bool:
    def folded(operand: str) -> str:
        return operand.casefold() if where.ignore_case else operand

    there = None if text is None else folded(text)
    checks = []
    if where.exists is not None:
        checks.append((text is not None) == where.exists)
    if where.eq is not None:
        checks.append(there is not None and there == folded(where.eq))
    if where.ne is not None:
        checks.append(there is not None and there != folded(where.ne))
    if where.in_ is not None:
        checks.append(there is not None and there in [folded(each) for each in where.in_])
    if where.contains is not None:
        checks.append(there is not None and folded(where.contains) in there)
    if where.starts_with is not None:
        checks.append(there is not None and there[: len(folded(where.starts_with))] == folded(where.starts_with))
    return all(checks)


def time_matches(time: int | None, where: TimeFilter) -> bool:
    if time is None:
        return where == TimeFilter()
    return not (
        (where.gt is not None and time <= where.gt)
        or (where.gte is not None and time < where.gte)
        or (where.lt is not None and time >= where.lt)
        or (where.lte is not None and time > where.lte)
    )


def property_matches(properties: tuple[Property, ...], where: PropertyFilter) -> bool:
    matching = [property for property in properties if property.key == where.key]
    checks = []
    if where.exists is not None:
        checks.append(bool(matching) == where.exists)
    signs = {"eq": "= @", "ne": "!", "gt": ">", "gte": "> =", "lt": "<", "lte": "< ="}
    for name, accepted in signs.items():
        operand = getattr(where, name)
        if operand is not None:
            sign = compared(matching[0], operand) if matching else None
            checks.append(bool(matching) and (sign not in ("=", "@") if accepted == "!" else sign in accepted.split()))
    if where.in_ is not None:
        checks.append(bool(matching) and any(compared(matching[0], operand) in ("=", "@") for operand in where.in_))
    text = str(matching[0].value) if matching and matching[0].type is PropertyType.STRING else None
    if where.contains is not None:
        checks.append(text is not None and where.contains in text)
    if where.starts_with is not None:
        checks.append(text is not None and text.startswith(where.starts_with))
    return all(checks)


def compared(property: Property, operand: Operand) -> str:
    """`<`, `=` or `>` as the property compares with the operand; `?` where their types differ.

    For types without an order: `@` where they are equal, `#` where they are not.
    """
    numbers = (PropertyType.INTEGER, PropertyType.FLOAT)
    if property.type in numbers and operand.type in numbers:
        return _sign(Fraction(property.value), Fraction(operand.value))  # type: ignore[arg-type]
    if property.type is PropertyType.TIMESTAMP and operand.type is PropertyType.STRING:
        try:
            text = str(operand.value)
            time = parse_timestamp(text + "T00:00:00Z" if len(text) == 10 else text)
            return _sign(Fraction(property.value), Fraction(time))  # type: ignore[arg-type]
        except ValueError:
            return "?"
    if property.type in numbers and operand.type is PropertyType.STRING:
        text = str(operand.value)
        if not text.isascii() or not text.lstrip("-").isdigit() or len(text) > 20 or str(int(text)) != text:
            return "?"
        return _sign(Fraction(property.value), Fraction(text)) if -(2**63) <= int(text) < 2**63 else "?"  # type: ignore[arg-type]
    if property.type is not operand.type:
        return "?"
    if property.type is PropertyType.STRING:
        return _sign([ord(c) for c in str(property.value)], [ord(c) for c in str(operand.value)])
    if property.type is PropertyType.JSON:
        return "@" if canonical_json(property.value) == operand.value else "#"
    return "@" if property.value is operand.value else "#"


def _sign(left: object, right: object) -> str:
    return "=" if left == right else ">" if left > right else "<"  # type: ignore[operator]
