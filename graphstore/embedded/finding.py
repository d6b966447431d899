"""Pages of entities, associations, revisions and property keys."""

from collections import Counter
from collections.abc import Sequence

from lineal.graphstore.embedded.conditions import Parameter, entity_condition
from lineal.graphstore.embedded.migrations import KIND_CODES, KIND_MASK
from lineal.graphstore.embedded.reaching import Walked, kinds
from lineal.graphstore.embedded.reading import AssociationKey, Reading
from lineal.graphstore.embedded.walks import Crossings
from lineal.graphstore.filters import matches_entity
from lineal.graphstore.folding import fold_order
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import (
    AssociationPosition,
    AssociationsOf,
    EntityOrder,
    Find,
    HistoryOf,
    PropertyKeys,
    ReachAssociations,
    ReachPosition,
)
from lineal.graphstore.store import AssociationPage, EntityPage, RevisionPage

_VERIFIED_AT_ONCE = 1000
_ORDERS = {EntityOrder.URN: "e.urn", EntityOrder.NEWEST: "e.occurred_at DESC, e.urn"}
_FROM = "FROM entity e LEFT JOIN entity_content c ON c.key = e.key"


def find_page(reading: Reading, question: Find) -> EntityPage:
    """One page of the entities that match."""
    if reading.sees_nothing:
        return EntityPage((), 0, {}, False)
    condition = entity_condition(question.where)
    asked = f"{condition.sql} AND {reading.on_time('e')}"
    parameters: tuple[Parameter, ...] = condition.parameters
    beyond, position = _beyond(question)
    order = _ORDERS[question.order]
    if condition.exact:
        rows = reading.connection.execute(f"SELECT e.kind, count(*) {_FROM} WHERE {asked} GROUP BY e.kind", parameters)
        counter = Counter(dict(rows))
        chosen = reading.keys(
            f"SELECT e.key {_FROM} WHERE {asked} AND {beyond} ORDER BY {order} LIMIT ?",
            (*parameters, *position, question.first + 1),
        )
    else:
        candidates = reading.keys(f"SELECT e.key {_FROM} WHERE {asked} ORDER BY {order}", parameters)
        verified = _verified(reading, candidates, question)
        counter = Counter(key & KIND_MASK for key in verified)
        statement = f"SELECT e.key {_FROM} WHERE {asked} AND {beyond} ORDER BY {order}"
        left = reading.keys(statement, (*parameters, *position))
        chosen = [key for key in left if key in verified][: question.first + 1]
    page = chosen[: question.first]
    entities = reading.entities(page)
    return EntityPage(
        tuple(entities[key] for key in page), counter.total(), kinds(counter), len(chosen) > question.first
    )


def _beyond(question: Find) -> tuple[str, tuple[Parameter, ...]]:
    after = question.after
    if after is None:
        return "true", ()
    if question.order is EntityOrder.URN:
        return "e.urn > ?", (after.urn,)
    at = after.occurred_at
    return "(e.occurred_at < ? OR (e.occurred_at = ? AND e.urn > ?))", (at, at, after.urn)


def _verified(reading: Reading, keys: Sequence[int], question: Find) -> set[int]:
    found: set[int] = set()
    for start in range(0, len(keys), _VERIFIED_AT_ONCE):
        entities = reading.entities(keys[start : start + _VERIFIED_AT_ONCE])
        found |= {key for key, entity in entities.items() if matches_entity(entity, question.where)}
    return found


def associations_page(reading: Reading, question: AssociationsOf) -> AssociationPage:
    """One page of the associations of one entity."""
    keys = reading.keys_of([question.entity])
    direction = question.direction
    if direction is LineageDirection.BOTH:
        direction = LineageDirection.CONNECTED
    crossings = Crossings(direction, question.via)
    found = {association for _, _, association in crossings.crossed(reading, list(keys.values()))} if keys else set()
    return _association_page(reading, in_order(reading, found), question.first, question.after)


def among_page(reading: Reading, walked: Walked, question: ReachAssociations) -> AssociationPage:
    """One page of the associations among what a walk traversed, as far as `up_to`."""
    ordered = walked.associations.get(question.up_to)
    if ordered is None:
        keys = _traversed(reading, walked, question)
        crossings = Crossings(LineageDirection.DESCENDANTS, question.walk.via)
        found = {association for _, far, association in crossings.crossed(reading, keys) if far in keys}
        ordered = walked.associations[question.up_to] = in_order(reading, found)
    return _association_page(reading, ordered, question.first, question.after)


def _traversed(reading: Reading, walked: Walked, question: ReachAssociations) -> set[int]:
    up_to: ReachPosition | None = question.up_to
    last = len(walked.source.levels) if up_to is None else up_to.distance
    keys = set(walked.starts)
    for level, reached in enumerate(walked.source.levels[: last + 1]):
        if up_to is not None and level == last:
            reached = [key for urn, key in walked.ordered(reading, None, level) if urn <= up_to.urn]
        keys.update(reached)
    return keys


def in_order(reading: Reading, associations: set[AssociationKey]) -> list[AssociationKey]:
    urns = reading.urns({association[0] for association in associations} | {a[2] for a in associations})
    return sorted(associations, key=lambda a: (urns[a[0]], urns[a[2]], a[1], a[3]))


def _association_page(
    reading: Reading, ordered: list[AssociationKey], first: int, after: AssociationPosition | None
) -> AssociationPage:
    start = 0 if after is None else _index_after(reading, ordered, after)
    page = ordered[start : start + first]
    records = reading.associations(page)
    return AssociationPage(tuple(records[key] for key in page), len(ordered), len(ordered) > start + first)


def _index_after(reading: Reading, ordered: list[AssociationKey], after: AssociationPosition) -> int:
    place = (after.source_urn, after.destination_urn, after.type, after.role or "")
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        record = reading.associations([ordered[middle]])[ordered[middle]]
        if (record.source_urn, record.destination_urn, record.type, record.role or "") <= place:
            low = middle + 1
        else:
            high = middle
    return low


def history_page(reading: Reading, question: HistoryOf) -> RevisionPage:
    """One page of an entity's revisions."""
    keys = list(reading.keys_of([question.entity]).values())
    revisions = sorted((r for found in reading.revisions(keys).values() for r in found), key=fold_order)
    after = question.after
    if after is not None:
        place = (after.occurred_at, after.rank, after.sequence)
        beyond = [revision for revision in revisions if fold_order(revision) > place]
    else:
        beyond = revisions
    return RevisionPage(tuple(beyond[: question.first]), len(revisions), len(beyond) > question.first)


def property_keys(reading: Reading, question: PropertyKeys) -> list[str]:
    """The first property keys that start with a text."""
    if reading.sees_nothing:
        return []
    start = question.starts_with
    of_kind = "true" if question.kind is None else f"p.kind = {KIND_CODES[question.kind]}"
    rows = reading.connection.execute(
        f"SELECT DISTINCT p.key FROM property_key p WHERE p.key >= ? AND substr(p.key, 1, ?) = ? AND {of_kind} "
        f"AND {reading.on_time('p')} ORDER BY p.key LIMIT ?",
        (start, len(start), start, question.first),
    )
    return [key for (key,) in rows]
