"""Records without what a caller may not see of them: hidden property keys behave as absent.

A digest would tell that something is left out, and guesses of it could be tried against it: where any key may be
hidden, there or not, there is no digest.
"""

from collections.abc import Iterable
from dataclasses import replace

from lineal.auth.scopes import EntityScope
from lineal.graphstore.digests import revision_set_form
from lineal.graphstore.kinds import AssociationType
from lineal.graphstore.recorded_state import as_new_revision
from lineal.graphstore.records import RESTRICTED_URN, Association, Entity, Revision, View
from lineal.graphstore.urns import association_id
from lineal.graphstore.values import Property, canonical_bytes


def redacted_entity(entity: Entity, entity_scope: EntityScope) -> Entity:
    """An entity as a sight shows it."""
    if not entity_scope.is_redacted:
        return entity
    return replace(entity, properties=_shown(entity.properties, entity_scope), digest=None)


def redacted_revisions(revisions: Iterable[Revision], entity_scope: EntityScope, occurred_at: int) -> list[Revision]:
    """All revisions of an entity, of whatever moment, as a sight shows them.

    They are as if what is hidden had never been sent. One that is left equal to an earlier one is left out; one that
    nothing is left of is a sighting, and left out where the entity, whose record has `occurred_at`, was known from as
    early. `sequence` counts those that stay.
    """
    if not entity_scope.is_redacted:
        return list(revisions)
    shown: list[Revision] = []
    told: set[tuple[int, bytes]] = set()
    known_from = occurred_at
    for revision in sorted(revisions, key=lambda revision: revision.sequence):
        properties = _shown(revision.properties, entity_scope)
        removed = tuple(key for key in revision.removed if not entity_scope.hides(key))
        left = replace(revision, sequence=len(shown) + 1, properties=properties, removed=removed, digest=None)
        sets = revision_set_form(as_new_revision(left, ""))
        is_earliest, known_from = revision.occurred_at < known_from, min(revision.occurred_at, known_from)
        change = (revision.occurred_at, canonical_bytes({"set": sets, "removed": sorted(removed)}))
        if (sets or removed or is_earliest) and change not in told:
            told.add(change)
            shown.append(left)
    return shown


def redacted_association(association: Association, *ends: EntityScope) -> Association:
    """An association as the sights of its ends show it: a key hidden at either is hidden."""
    if not any(entity_scope.is_redacted for entity_scope in ends):
        return association
    properties = association.properties
    for entity_scope in ends:
        properties = _shown(properties, entity_scope)
    return replace(association, properties=properties, digest=None)


def bare_association(
    source: tuple[str, str, bool], destination: tuple[str, str, bool], type: AssociationType, view: View
) -> Association:
    """An association beside a restricted end. Each end: its id, its urn, and whether it is restricted."""
    id = view.scope.masked_id(association_id(source[1], destination[1], type, None))
    ends = [_shown_end(view, *end) for end in (source, destination)]
    return Association(id, *ends[0], *ends[1], type, None, (), None, None, "restricted", None, view)


def _shown_end(view: View, id: str, urn: str, is_restricted: bool) -> tuple[str, str]:
    if not is_restricted:
        return id, urn
    shown = view.scope.masked_id(id)
    return shown, RESTRICTED_URN + shown


def _shown(properties: tuple[Property, ...], entity_scope: EntityScope) -> tuple[Property, ...]:
    return tuple(each for each in properties if not entity_scope.hides(each.key))
