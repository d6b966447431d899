"""Permissions: the actions that policies and shares allow."""

from collections.abc import Iterable
from enum import StrEnum


class Permission(StrEnum):
    """An action on the entities of a lineage group, or on the group itself.

    READ: read an entity. READ_PROPERTIES: read its property keys and values. TRAVERSE: cross it in a query. RECORD:
    record entities, revisions and observations. ASSOCIATE: record associations from or to an entity. APPROVE: decide on
    a model version. SHARE: manage groups, shares and invitations. ADMINISTER: manage policies and API keys, and explain
    access. READ_AUDIT: read the account's audit log. MANAGE_QUARANTINE: read, retry and discard the account's refused
    documents.
    """

    READ = "READ"
    READ_PROPERTIES = "READ_PROPERTIES"
    TRAVERSE = "TRAVERSE"
    RECORD = "RECORD"
    ASSOCIATE = "ASSOCIATE"
    APPROVE = "APPROVE"
    DELETE = "DELETE"
    READ_DELETED = "READ_DELETED"
    SHARE = "SHARE"
    ADMINISTER = "ADMINISTER"
    READ_COST = "READ_COST"
    READ_AUDIT = "READ_AUDIT"
    MANAGE_QUARANTINE = "MANAGE_QUARANTINE"

    @property
    def cedar(self) -> str:
        """The name in Cedar: `ReadProperties`."""
        return "".join(word.capitalize() for word in self.value.split("_"))

    @property
    def shown(self) -> str:
        """The name in messages: `lineage:ReadProperties`."""
        return f"lineage:{self.cedar}"


def in_order(permissions: Iterable[Permission]) -> list[Permission]:
    """Return permissions in the order of their declaration."""
    return sorted(permissions, key=list(Permission).index)
