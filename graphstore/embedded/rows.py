"""One read: a transaction, the moment it is of, and records made from rows.

A `Rows` lives for one call on a worker thread. What it reads stays as it is for ever only where the view's moment
`is_settled`: no later batch can be of it. Where the view's watermark covers everything the transaction sees and
no `occurred_at` is asked, nothing can be later than the view, and the conditions on time are left out of every query.
"""

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import apsw

from lineal.graphstore.codes import KIND_MASK, KINDS, TYPES, AssociationKey
from lineal.graphstore.content import packed, unpacked_properties, unpacked_source, unpacked_words
from lineal.graphstore.folding import folded
from lineal.graphstore.kinds import EntityStatus
from lineal.graphstore.records import Association, Entity, Revision, View
from lineal.graphstore.urns import association_id

_STATUSES = {str(status): status for status in EntityStatus}


def carried(keys: Iterable[int]) -> object:
    """Integer keys as a value that `carray(?)` turns into rows."""
    # An empty array lies at no aligned address, which apsw refuses; no row has the key 0.
    return apsw.carray(array("q", keys) or array("q", [0]))


class Rows:
    """Reads of one view inside one transaction of one connection."""

    def __init__(self, connection: apsw.Connection, view: View) -> None:
        self.connection = connection
        self.view = view
        self.sees_nothing = not view.scope.everything
        as_of = view.as_of
        latest = newest(connection)
        self.covers_all = as_of.occurred_at is None and as_of.recorded_at >= latest
        self.is_settled = as_of.recorded_at <= latest

    def on_time(self, alias: str) -> str:
        """The condition that a row is of the view's moment: `true` where every row is."""
        if self.covers_all:
            return "true"
        as_of = self.view.as_of
        condition = f"{alias}.recorded_at <= {as_of.recorded_at:d}"
        return condition + ("" if as_of.occurred_at is None else f" AND {alias}.occurred_at <= {as_of.occurred_at:d}")

    def exists(self, alias: str, end: str) -> str:
        """The condition that an association exists, given that the end it is not crossed to does.

        Recorded times need no look at the ends: an association is never recorded before them.
        """
        condition = self.on_time(alias)
        if self.view.as_of.occurred_at is not None:
            other = f"SELECT 1 FROM entity o WHERE o.key = {alias}.{end} AND {self.on_time('o')}"
            condition += f" AND EXISTS ({other})"
        return condition

    def keys(self, statement: str, parameters: tuple[object, ...] = ()) -> list[int]:
        """The keys that a statement selects as its first column, in its order."""
        rows: list[tuple[Any, ...]] = self.connection.execute(statement, parameters).fetchall()
        return [row[0] for row in rows]

    def keys_of(self, ids: Collection[str]) -> dict[str, int]:
        """The keys of the ids that exist in the view."""
        if self.sees_nothing or not ids:
            return {}
        sound = tuple({id for id in ids if id.isascii() and "\x00" not in id})
        if not sound:
            return {}
        rows = self.connection.execute(
            f"SELECT e.id, e.key FROM carray(?) f CROSS JOIN entity e ON e.id = f.value WHERE {self.on_time('e')}",
            (apsw.carray(sound),),
        )
        return dict(rows)

    def urns(self, keys: Iterable[int]) -> dict[int, str]:
        """The urns of keys."""
        return dict(
            self.connection.execute(
                "SELECT e.key, e.urn FROM carray(?) f CROSS JOIN entity e ON e.key = f.value",
                (carried(keys),),
            )
        )

    def entities(self, keys: Collection[int], *, as_recorded: bool = False) -> dict[int, Entity]:
        """The records of keys known to exist in the view, with revisions folded in unless wanted as first recorded."""
        if not keys:
            return {}
        view = self.view
        found: dict[int, Entity] = {}
        rows = self.connection.execute(
            "SELECT e.key, e.id, e.urn, e.account, e.name, e.version, c.type, c.description, c.status, c.source_uri, "
            "c.source, c.tags, c.properties, e.occurred_at, e.recorded_at, e.recorded_by, e.digest "
            "FROM carray(?) f CROSS JOIN entity e ON e.key = f.value LEFT JOIN entity_content c ON c.key = e.key",
            (carried(keys),),
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
            status,
            uri,
            source,
            tags,
            properties,
            *rest,
        ) in rows:
            occurred_at, recorded_at, recorded_by, digest = rest
            found[key] = Entity(
                id,
                urn,
                account,
                KINDS[key & KIND_MASK],
                name,
                version,
                type,
                text,
                None if status is None else _STATUSES[status],
                None if uri is None and source is None else unpacked_source(uri, source),
                () if tags is None else unpacked_words(tags),
                () if properties is None else unpacked_properties(properties),
                occurred_at,
                recorded_at,
                recorded_by,
                digest.hex(),
                view,
            )
        if not as_recorded:
            for key, revisions in self.revisions(found).items():
                found[key] = folded(found[key], revisions)
        return found

    def revisions(self, keys: Collection[int]) -> dict[int, list[Revision]]:
        """The revisions, in no promised order, of those keys that have any in the view."""
        rows = self.connection.execute(
            "SELECT r.entity, r.sequence, c.status, c.tags, c.description, c.properties, c.removed, c.superseded_by, "
            "r.occurred_at, r.rank, r.recorded_at, r.recorded_by, r.digest, e.id "
            "FROM carray(?) f CROSS JOIN revision r ON r.entity = f.value CROSS JOIN entity e ON e.key = r.entity "
            "LEFT JOIN revision_content c ON c.entity = r.entity AND c.sequence = r.sequence "
            f"WHERE {self.on_time('r')}",
            (carried(keys),),
        )
        found = defaultdict(list)
        for key, sequence, status, tags, text, properties, removed, superseded_by, *rest in rows:
            occurred_at, rank, recorded_at, recorded_by, digest, id = rest
            found[key].append(
                Revision(
                    id,
                    sequence,
                    None if status is None else _STATUSES[status],
                    None if tags is None else unpacked_words(tags),
                    text,
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
        return found

    def associations(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, Association]:
        """The records of associations known to exist."""
        if not keys:
            return {}
        rows = self.connection.execute(
            "SELECT a.source, a.type, a.destination, a.role, s.urn, s.id, d.urn, d.id, "
            "a.occurred_at, a.recorded_at, a.recorded_by, a.digest, c.properties "
            "FROM json_each(?) j CROSS JOIN association a ON a.source = j.value->>0 AND a.type = j.value->>1 "
            "AND a.destination = j.value->>2 AND a.role = j.value->>3 "
            "CROSS JOIN entity s ON s.key = a.source CROSS JOIN entity d ON d.key = a.destination "
            "LEFT JOIN association_content c ON c.source = a.source AND c.type = a.type "
            "AND c.destination = a.destination AND c.role = a.role",
            (packed(list(keys)),),
        )
        found = {}
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
            occurred_at, recorded_at, recorded_by, digest, properties = rest
            type, role = TYPES[code], word or None
            found[source, code, destination, word] = Association(
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
                digest.hex(),
                self.view,
            )
        return found


def newest(connection: apsw.Connection) -> int:
    """The `recorded_at` of the newest batch; 0 where there is none."""
    moment: int = connection.execute("SELECT ifnull(max(recorded_at), 0) FROM batch").get
    return moment
