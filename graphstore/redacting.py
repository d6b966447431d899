"""Removes what a scope hides from records: a hidden property key behaves as absent.

A digest would show that something is left out, and guesses could be tested against it. So a record has no digest
wherever the scope may hide one of its keys, whether or not the record has that key.
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
    """Return an entity as an entity scope shows it."""
    if not entity_scope.is_redacted:
        return entity
    return replace(entity, properties=_shown(entity.properties, entity_scope), digest=None)


def redacted_revisions(revisions: Iterable[Revision], entity_scope: EntityScope, occurred_at: int) -> list[Revision]:
    """Return the revisions, of any moment, that an entity scope shows, out of all revisions of an entity.

    They are as if the hidden keys had never been sent. A revision that becomes equal to an earlier one is left out. One
    that becomes empty is a sighting: it is left out if the entity, whose record has `occurred_at`, was known to exist
    by its time. `sequence` counts the remaining revisions.
    """
    if not entity_scope.is_redacted:
        return list(revisions)
    shown: list[Revision] = []
    changes: set[tuple[int, bytes]] = set()
    known_from = occurred_at
    for revision in sorted(revisions, key=lambda revision: revision.sequence):
        properties = _shown(revision.properties, entity_scope)
        removed = tuple(key for key in revision.removed if not entity_scope.hides(key))
        redacted = replace(revision, sequence=len(shown) + 1, properties=properties, removed=removed, digest=None)
        sets = revision_set_form(as_new_revision(redacted, ""))
        is_earliest, known_from = revision.occurred_at < known_from, min(revision.occurred_at, known_from)
        change = (revision.occurred_at, canonical_bytes({"set": sets, "removed": sorted(removed)}))
        if (sets or removed or is_earliest) and change not in changes:
            changes.add(change)
            shown.append(redacted)
    return shown


def redacted_association(association: Association, *ends: EntityScope) -> Association:
    """Return an association as the scopes of its ends show it: a key that is hidden at either end is hidden."""
    if not any(entity_scope.is_redacted for entity_scope in ends):
        return association
    properties = association.properties
    for entity_scope in ends:
        properties = _shown(properties, entity_scope)
    return replace(association, properties=properties, digest=None)


def bare_association(
    source: tuple[str, str, bool], destination: tuple[str, str, bool], type: AssociationType, view: View
) -> Association:
    """Return an association with a restricted end. Each end is its id, its URN, and whether it is restricted."""
    id = view.scope.masked_id(association_id(source[1], destination[1], type, None))
    ends = [_shown_end(view, *end) for end in (source, destination)]
    return Association(id, *ends[0], *ends[1], type, None, (), None, None, "restricted", None, view)


def _shown_end(view: View, id: str, urn: str, is_restricted: bool) -> tuple[str, str]:
    if not is_restricted:
        return id, urn
    shown = view.scope.masked_id(id)
    return shown, RESTRICTED_URN + shown


def _shown(properties: tuple[Property, ...], entity_scope: EntityScope) -> tuple[Property, ...]:
    return tuple(property for property in properties if not entity_scope.hides(property.key))
