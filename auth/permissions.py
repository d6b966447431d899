"""What may be done: the actions that policies and shares speak of."""

from collections.abc import Iterable
from enum import StrEnum


class Permission(StrEnum):
    """An action on the entities of a lineage group, or on the group itself.

    READ: an entity's record; READ_PROPERTIES: its property keys and values; TRAVERSE: crossing it in a query.
    RECORD: entities of the account, and revisions; ASSOCIATE: associations from or to an entity. SHARE: groups, shares
    and invitations; ADMINISTER: policies, keys and explanations; READ_AUDIT: the account's audit log.
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

    @property
    def cedar(self) -> str:
        """Its name in Cedar: `ReadProperties`."""
        return "".join(word.capitalize() for word in self.value.split("_"))

    @property
    def shown(self) -> str:
        """Its name in messages: `lineage:ReadProperties`."""
        return f"lineage:{self.cedar}"


def in_order(permissions: Iterable[Permission]) -> list[Permission]:
    """Permissions in the order they are declared in."""
    return sorted(permissions, key=list(Permission).index)
