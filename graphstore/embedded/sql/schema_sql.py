"""The database schema, as one script.

An entity's `key` is its sequence number times 64 plus the code of its kind. `role` is '' where an association has none
(an empty role is refused). Content is apart from identity: a later eraser removes content and leaves identity,
digest, times and recorder. The terms of the content (`term`, `part` and `revised`, see `index_writer`) are derived
from it. Observations are by their `series`, the metric of an entity; its batch names the recorder.

Revisions of an entity that set and remove the same share their content, whose id is a digest of it. A revision that
sets and removes nothing has none.

An entity's `known_from` is derived: the earliest `occurred_at` of the entity and of its revisions. `moved_at` is the
time of recording of the last batch, after the entity's own, that moved it to an earlier time, if any did.

The `total` of a batch is the sum (see `row_sums`) of the hashes of all records up to it, that of the access epoch the
sum of its documents and placements: `lineal verify` finds with them what no digest covers.

An entity is in its account's default group, and in those of its placement's compartment: `groups` are the ids of these,
sorted, as JSON. Most entities have no placement; one that left all its groups keeps a placement, in the compartment
without groups.
"""

from typing import Final

from lineal.graphstore.codes import SAME_AS

APPLICATION_ID: Final = 0x4C4E4C31
"""Marks a file as a Lineal store ("LNL1")."""
VERSION: Final = 11
"""`user_version` of a database with this schema. A file with any other version is refused."""

_RECORDED = (
    "batch",
    "entity_content",
    "association",
    "association_content",
    "revision",
    "revision_content",
    "series",
    "observation",
    "audit",
)


_COLUMNS_OF_ENTITY = "key, id, urn, account, kind, name, version, occurred_at, recorded_at, recorded_by, digest"
"""Those that are recorded; the others are derived."""


def _unchanging(*tables: str) -> str:
    """Triggers that refuse every update and deletion in some tables, and of what is recorded of an entity."""
    refused = dict.fromkeys(tables, ("UPDATE", "DELETE"))
    refused["entity"] = (f"UPDATE OF {_COLUMNS_OF_ENTITY}", "DELETE")
    return "".join(
        f"CREATE TRIGGER {table}_no_{verb.split()[0].lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'nothing recorded is ever changed'); END;\n"
        for table, verbs in refused.items()
        for verb in verbs
    )


SCHEMA: Final = f"""
CREATE TABLE batch (recorded_at INTEGER PRIMARY KEY, recorded_by TEXT NOT NULL, total BLOB NOT NULL) STRICT;

CREATE TABLE entity (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    urn TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    version TEXT,
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    recorded_by TEXT NOT NULL,
    digest BLOB NOT NULL,
    known_from INTEGER NOT NULL,
    moved_at INTEGER
) STRICT;
CREATE INDEX entity_by_kind ON entity (kind, urn);
CREATE INDEX entity_by_name ON entity (account, kind, name, known_from DESC, urn);
CREATE INDEX entity_by_occurrence ON entity (known_from);
CREATE INDEX entity_by_recording ON entity (recorded_at);
CREATE INDEX entity_by_move ON entity (moved_at) WHERE moved_at IS NOT NULL;

CREATE TABLE entity_content (
    key INTEGER PRIMARY KEY,
    type TEXT,
    description TEXT,
    title TEXT,
    status TEXT,
    tags TEXT,
    source_uri TEXT,
    source TEXT,
    properties TEXT
) STRICT;

CREATE TABLE association (
    source INTEGER NOT NULL,
    type INTEGER NOT NULL,
    destination INTEGER NOT NULL,
    role TEXT NOT NULL,
    occurred_at INTEGER,
    recorded_at INTEGER NOT NULL,
    recorded_by TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (source, type, destination, role)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX association_upstream ON association (destination, type, source, role);
CREATE INDEX association_by_time ON association (recorded_at);
CREATE INDEX association_same_as ON association (destination, source) WHERE type = {SAME_AS};

CREATE TABLE association_content (
    source INTEGER NOT NULL,
    type INTEGER NOT NULL,
    destination INTEGER NOT NULL,
    role TEXT NOT NULL,
    properties TEXT NOT NULL,
    PRIMARY KEY (source, type, destination, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE revision (
    entity INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    recorded_by TEXT NOT NULL,
    digest BLOB NOT NULL,
    content BLOB,
    PRIMARY KEY (entity, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX revision_by_time ON revision (entity, occurred_at);

CREATE TABLE revision_content (
    entity INTEGER NOT NULL,
    id BLOB NOT NULL,
    status TEXT,
    tags TEXT,
    description TEXT,
    title TEXT,
    properties TEXT,
    removed TEXT,
    superseded_by TEXT,
    PRIMARY KEY (entity, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE revised_fields (
    entity INTEGER PRIMARY KEY,
    fields TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL
) STRICT;

CREATE TABLE property_key (
    key TEXT NOT NULL,
    kind INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    PRIMARY KEY (key, kind, recorded_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    kept_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (kept_at);

CREATE TABLE quarantine (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    received_by TEXT NOT NULL,
    problems TEXT NOT NULL,
    run TEXT,
    job TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX quarantine_by_time ON quarantine (received_at);
CREATE INDEX quarantine_by_account ON quarantine (account, received_at, id);

CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    entity INTEGER NOT NULL,
    metric TEXT NOT NULL,
    UNIQUE (entity, metric)
) STRICT;

CREATE TABLE observation (
    series INTEGER NOT NULL,
    step INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    value INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (series, step, occurred_at, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE access_epoch (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,
    members_at INTEGER NOT NULL,
    total BLOB NOT NULL
) STRICT;
INSERT INTO access_epoch VALUES (1, 0, 0, zeroblob(32));

CREATE TABLE access_document (
    part TEXT NOT NULL,
    id TEXT NOT NULL,
    content TEXT,
    epoch INTEGER NOT NULL,
    PRIMARY KEY (part, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_document_by_epoch ON access_document (epoch);

CREATE TABLE compartment (id INTEGER PRIMARY KEY, groups TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE placement (
    entity INTEGER PRIMARY KEY,
    compartment INTEGER NOT NULL,
    epoch INTEGER NOT NULL
) STRICT;
CREATE INDEX placement_by_epoch ON placement (epoch);

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at INTEGER NOT NULL UNIQUE,
    accounts TEXT NOT NULL,
    principal TEXT NOT NULL,
    action TEXT NOT NULL,
    resource_kind TEXT NOT NULL,
    resource TEXT NOT NULL,
    is_allowed INTEGER NOT NULL,
    policies TEXT NOT NULL,
    request_id TEXT NOT NULL,
    count INTEGER NOT NULL,
    examples TEXT NOT NULL,
    previous BLOB NOT NULL,
    digest BLOB NOT NULL
) STRICT;

CREATE TABLE key_use (id TEXT PRIMARY KEY, used_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE term USING fts5 (
    terms, content = '', detail = none, columnsize = 0, tokenize = "ascii tokenchars ':~'"
);
CREATE VIRTUAL TABLE term_entry USING fts5vocab (term, 'instance');

CREATE VIRTUAL TABLE part USING fts5 (
    texts, content = '', detail = none, columnsize = 0, tokenize = 'trigram case_sensitive 1'
);

CREATE TABLE revised (document INTEGER PRIMARY KEY, entity INTEGER NOT NULL) STRICT;
""" + _unchanging(*_RECORDED)
"""Makes all tables, indexes and triggers of an empty database."""
