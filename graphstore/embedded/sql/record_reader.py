"""Reads the records of one view from the rows of one snapshot."""

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import apsw

from lineal.graphstore.codes import KIND_MASK, KINDS, TYPES, AssociationKey
from lineal.graphstore.content_codec import (
    packed,
    unpacked_fields,
    unpacked_properties,
    unpacked_source,
    unpacked_words,
)
from lineal.graphstore.digests import association_form, digest, entity_form
from lineal.graphstore.embedded.memory.scope_table import ScopeTable
from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.embedded.sql.visibility import Visibility
from lineal.graphstore.errors import Unavailable, damaged
from lineal.graphstore.kinds import EntityStatus
from lineal.graphstore.recorded_state import as_new_association, as_new_entity
from lineal.graphstore.records import Association, Entity, Restricted, Revision, View
from lineal.graphstore.redacting import bare_association, redacted_association, redacted_entity, redacted_revisions
from lineal.graphstore.revisions import folded
from lineal.graphstore.urns import association_id
from lineal.graphstore.walking.reader_protocol import is_masked

CHECKED_AT_ONCE: Final = 20
"""A read of no more records checks each against its digest, which takes some 20 microseconds a record.

Larger reads do not: `lineal verify` checks everything.
"""
_STATUSES: Final = {str(status): status for status in EntityStatus}


def carray_of(keys: Iterable[int]) -> object:
    """Integer keys as a value that `carray(?)` turns into rows."""
    # apsw refuses an empty array, because its address is not aligned; no row has the key 0.
    return apsw.carray(array("q", keys) or array("q", [0]))


def _check(form: dict[str, object], kept: str | None) -> None:
    """Raise Unavailable where a record does not have the digest that is kept with it; callers may not learn which."""
    if digest(form) != kept:
        raise Unavailable(damaged("a record does not match its digest"))


class RowReader:
    """Reads of one view inside one transaction of one connection."""

    def __init__(self, connection: Connection, view: View, scope_table: ScopeTable | None = None) -> None:
        self.connection, self.view = connection, view
        self.visibility = visibility = Visibility(connection, view, scope_table)
        self.sees_nothing = visibility.shows_nothing
        self.meets_hidden = visibility.meets_hidden
        self.is_settled = visibility.is_settled

    def keys(self, statement: str, parameters: tuple[object, ...] = ()) -> list[int]:
        """The keys that a statement selects as its first column, in its order."""
        rows: list[tuple[Any, ...]] = self.connection.execute(statement, parameters).fetchall()
        return [row[0] for row in rows]

    def keys_of(self, ids: Collection[str]) -> dict[str, int]:
        """The keys of the ids that exist in the view."""
        if self.sees_nothing or not ids:
            return {}
        valid_ids = tuple({id for id in ids if id.isascii() and "\x00" not in id})
        if not valid_ids:
            return {}
        rows = self.connection.execute(
            "SELECT e.id, e.key FROM carray(?) f CROSS JOIN entity e ON e.id = f.value "
            f"WHERE {self.visibility.entity_exists('e')}",
            (apsw.carray(valid_ids),),
        )
        keys: dict[str, int] = dict(rows)
        if not self.visibility.is_scoped:
            return keys
        readable = self.visibility.readable_set(keys.values())
        return {id: key for id, key in keys.items() if key in readable}

    def urns(self, keys: Collection[int]) -> dict[int, str]:
        """The urns of keys, by key; masked keys have restricted urns."""
        hidden = [key for key in keys if is_masked(key)] if self.meets_hidden else []
        restricted_urns = {key: restricted.urn for key, restricted in self.restricted(hidden).items()}
        if hidden:
            keys = [key for key in keys if not is_masked(key)]
        rows = self.connection.execute(
            "SELECT e.key, e.urn FROM carray(?) f CROSS JOIN entity e ON e.key = f.value", (carray_of(keys),)
        )
        return restricted_urns | dict(rows)

    def _own_keys(self, hidden: Collection[int]) -> dict[int, int]:
        """The keys of masked entities, by their masked keys."""
        rows = self.connection.execute(
            f"SELECT f.value, e.key FROM carray(?) f CROSS JOIN entity e "
            f"ON e.key BETWEEN f.value - {KIND_MASK} AND f.value",
            (carray_of(hidden),),
        )
        return dict(rows)

    def restricted(self, keys: Collection[int]) -> dict[int, Restricted]:
        """The restricted records of masked keys."""
        if not keys:
            return {}
        rows = self.connection.execute(
            f"SELECT f.value, e.id FROM carray(?) f CROSS JOIN entity e "
            f"ON e.key BETWEEN f.value - {KIND_MASK} AND f.value",
            (carray_of(keys),),
        )
        return {key: Restricted(self.view.scope.masked_id(id), self.view) for key, id in rows}

    def entities(self, keys: Collection[int], *, as_recorded: bool = False) -> dict[int, Entity]:
        """The records of keys known to exist in the view, with revisions applied, or `as_recorded` without them."""
        if not keys:
            return {}
        view = self.view
        checks = len(keys) <= CHECKED_AT_ONCE
        entities: dict[int, Entity] = {}
        occurred = "e.occurred_at" if as_recorded else self.visibility.known_from("e")
        rows = self.connection.execute(
            "SELECT e.key, e.id, e.urn, e.account, e.name, e.version, c.type, c.description, c.title, c.status, "
            f"c.source_uri, c.source, c.tags, c.properties, {occurred}, e.recorded_at, e.recorded_by, e.digest, "
            "e.occurred_at FROM carray(?) f CROSS JOIN entity e ON e.key = f.value "
            "LEFT JOIN entity_content c ON c.key = e.key",
            (carray_of(keys),),
        )
        for (
            key,
            id,
            urn,
            account,
            name,
            version,
            type,
            text,
            title,
            status,
            uri,
            source,
            tags,
            properties,
            *rest,
        ) in rows:
            occurred_at, recorded_at, recorded_by, kept, first_occurred_at = rest
            entities[key] = entity = Entity(
                id,
                urn,
                account,
                KINDS[key & KIND_MASK],
                name,
                version,
                type,
                text,
                title,
                None if status is None else _STATUSES[status],
                None if uri is None and source is None else unpacked_source(uri, source),
                () if tags is None else unpacked_words(tags),
                () if properties is None else unpacked_properties(properties),
                occurred_at,
                recorded_at,
                recorded_by,
                kept.hex(),
                view,
            )
            if checks:
                _check(entity_form(replace(as_new_entity(entity), occurred_at=first_occurred_at)), entity.digest)
        if not as_recorded:
            self._fold(entities)
        if not self.visibility.is_scoped:
            return entities
        return {key: redacted_entity(entity, self.visibility.entity_scope(key)) for key, entity in entities.items()}

    def _fold(self, entities: dict[int, Entity]) -> None:
        """Apply revisions to entities: from the row that the last write folded, or one by one for an earlier moment."""
        earlier = []
        rows = self.connection.execute(
            "SELECT r.entity, r.fields, r.recorded_at, r.occurred_at FROM carray(?) f CROSS JOIN revised_fields r "
            "ON r.entity = f.value",
            (carray_of(entities),),
        )
        for key, fields, recorded_at, occurred_at in rows:
            if self.visibility.is_at_moment(recorded_at, occurred_at):
                entities[key] = unpacked_fields(fields).applied_to(entities[key])
            else:
                earlier.append(key)
        for key, revisions in (self._deciding_revisions(earlier) if earlier else {}).items():
            entities[key] = folded(entities[key], revisions)

    def _deciding_revisions(self, keys: Collection[int]) -> dict[int, list[Revision]]:
        """The revisions of the view without those that a later one of the same content and rank repeats.

        The result is the same, because the later one sets every field that the earlier one sets.
        """
        source = (
            "(SELECT v.*, row_number() OVER (PARTITION BY v.entity, v.content, v.rank "
            "ORDER BY v.occurred_at DESC, v.sequence DESC) AS place "
            f"FROM carray(?) f CROSS JOIN revision v ON v.entity = f.value WHERE {self.visibility.at_moment('v')}) r"
        )
        return self._revision_rows(source, carray_of(keys), "r.place = 1")

    def revisions(self, keys: Collection[int], since: int | None = None) -> dict[int, list[Revision]]:
        """The revisions, in no promised order, of those keys that have any in the view; or only those since a time."""
        visibility = self.visibility
        entity_scopes = {key: visibility.entity_scope(key) for key in keys} if visibility.is_scoped else {}
        redacted = {key for key, entity_scope in entity_scopes.items() if entity_scope.is_redacted}
        by_key = self._revisions([key for key in keys if key not in redacted], self.visibility.at_moment("r"), since)
        if redacted:
            # Sequence numbers count the revisions of other moments too.
            own = "SELECT e.key, e.occurred_at FROM carray(?) f CROSS JOIN entity e ON e.key = f.value"
            times: dict[int, int] = dict(self.connection.execute(own, (carray_of(redacted),)))
            for key, revisions in self._revisions(redacted, "true").items():
                shown = [
                    revision
                    for revision in redacted_revisions(revisions, entity_scopes[key], times[key])
                    if visibility.is_at_moment(revision.recorded_at, revision.occurred_at)
                    and (since is None or revision.occurred_at >= since)
                ]
                if shown:
                    by_key[key] = shown
        return by_key

    def numbered_revisions(self, numbers: Collection[tuple[int, int]]) -> dict[tuple[int, int], Revision]:
        """The revisions, by (key, sequence), that exist in the view, of entities without hidden property keys."""
        source = "json_each(?) f CROSS JOIN revision r ON r.entity = f.value->>0 AND r.sequence = f.value->>1"
        by_key = self._revision_rows(source, packed(list(numbers)), self.visibility.at_moment("r"))
        return {(key, revision.sequence): revision for key, revisions in by_key.items() for revision in revisions}

    def revisions_of_times(self, times: Mapping[int, Collection[int]]) -> dict[int, list[Revision]]:
        """The revisions of entity keys that occurred at one of the times listed for the key."""
        source = (
            "json_each(?) f CROSS JOIN revision r INDEXED BY revision_by_time "
            "ON r.entity = f.value->>0 AND r.occurred_at = f.value->>1"
        )
        pairs = [(key, occurred_at) for key, key_times in times.items() for occurred_at in key_times]
        return self._revision_rows(source, packed(pairs), self.visibility.at_moment("r"))

    def _revisions(self, keys: Collection[int], condition: str, since: int | None = None) -> dict[int, list[Revision]]:
        # Without the index, the planner would scan all revisions of an entity by the primary key.
        by_time = "" if since is None else f"INDEXED BY revision_by_time ON r.occurred_at >= {since:d} AND"
        source = f"carray(?) f CROSS JOIN revision r {by_time or 'ON'} r.entity = f.value"
        return self._revision_rows(source, carray_of(keys), condition)

    def _revision_rows(self, source: str, parameter: object, condition: str) -> dict[int, list[Revision]]:
        rows = self.connection.execute(
            "SELECT r.entity, r.sequence, c.status, c.tags, c.description, c.title, c.properties, c.removed, "
            "c.superseded_by, r.occurred_at, r.rank, r.recorded_at, r.recorded_by, r.digest, e.id "
            f"FROM {source} CROSS JOIN entity e ON e.key = r.entity "
            "LEFT JOIN revision_content c ON c.entity = r.entity AND c.id = r.content "
            f"WHERE {condition}",
            (parameter,),
        )
        by_key = defaultdict(list)
        for key, sequence, status, tags, text, title, properties, removed, superseded_by, *rest in rows:
            occurred_at, rank, recorded_at, recorded_by, digest, id = rest
            by_key[key].append(
                Revision(
                    id,
                    sequence,
                    None if status is None else _STATUSES[status],
                    None if tags is None else unpacked_words(tags),
                    text,
                    title,
                    unpacked_properties(properties),
                    unpacked_words(removed),
                    superseded_by,
                    occurred_at,
                    rank,
                    recorded_at,
                    recorded_by,
                    digest.hex(),
                    self.view,
                )
            )
        return by_key

    def associations(
        self, keys: Collection[AssociationKey], *, as_recorded: bool = False
    ) -> dict[AssociationKey, Association]:
        """The records of associations known to exist in the view; see `reader_protocol.Records`."""
        bare = {key for key in keys if is_masked(key[0]) or is_masked(key[2])} if self.meets_hidden else set()
        records = self._masked_associations(bare)
        keys = [key for key in keys if key not in bare] if bare else keys
        if not keys:
            return records
        checks = len(keys) <= CHECKED_AT_ONCE
        occurred = "a.occurred_at" if as_recorded else self.visibility.occurred_at("a")
        rows = self.connection.execute(
            "SELECT a.source, a.type, a.destination, a.role, s.urn, s.id, d.urn, d.id, "
            f"{occurred}, a.recorded_at, a.recorded_by, a.digest, c.properties, a.occurred_at "
            "FROM json_each(?) j CROSS JOIN association a ON a.source = j.value->>0 AND a.type = j.value->>1 "
            "AND a.destination = j.value->>2 AND a.role = j.value->>3 "
            "CROSS JOIN entity s ON s.key = a.source CROSS JOIN entity d ON d.key = a.destination "
            "LEFT JOIN association_content c ON c.source = a.source AND c.type = a.type "
            "AND c.destination = a.destination AND c.role = a.role",
            (packed(list(keys)),),
        )
        for (
            source,
            code,
            destination,
            word,
            source_urn,
            source_id,
            destination_urn,
            destination_id,
            *rest,
        ) in rows:
            occurred_at, recorded_at, recorded_by, kept, properties, own_time = rest
            type, role = TYPES[code], word or None
            association = Association(
                association_id(source_urn, destination_urn, type, role),
                source_id,
                source_urn,
                destination_id,
                destination_urn,
                type,
                role,
                unpacked_properties(properties),
                occurred_at,
                recorded_at,
                recorded_by,
                kept.hex(),
                self.view,
            )
            if checks:
                form = association_form(replace(as_new_association(association), occurred_at=own_time))
                _check(form, association.digest)
            if self.visibility.is_scoped:
                association = redacted_association(
                    association, *map(self.visibility.entity_scope, (source, destination))
                )
            records[source, code, destination, word] = association
        return records

    def _masked_associations(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, Association]:
        """The records of associations that have a masked end: without role, properties and times."""
        if not keys:
            return {}
        ends = {end for key in keys for end in (key[0], key[2])}
        own = self._own_keys([end for end in ends if is_masked(end)])
        rows = self.connection.execute(
            "SELECT e.key, e.id, e.urn FROM carray(?) f CROSS JOIN entity e ON e.key = f.value",
            (carray_of([own.get(end, end) for end in ends]),),
        )
        identities = {key: (id, urn) for key, id, urn in rows}
        ends_shown = {end: (*identities[own.get(end, end)], end in own) for end in ends}
        return {key: bare_association(ends_shown[key[0]], ends_shown[key[2]], TYPES[key[1]], self.view) for key in keys}
