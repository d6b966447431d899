"""Who is asking."""

from dataclasses import dataclass
from typing import Final

from lineal.auth.names import within
from lineal.auth.permissions import Permission


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone, or something, of an account, in the roles its token or key says.

    `permissions` None: all that policies and shares give it; else no more than these, whatever they give.
    `is_local`: the administrator of a server that is for its own machine only, who may do everything.
    """

    account: str
    name: str
    roles: frozenset[str] = frozenset()
    permissions: frozenset[Permission] | None = None
    is_local: bool = False

    @property
    def shown(self) -> str:
        """Its name in policies, records and the audit log: `account/name`."""
        return within(self.account, self.name)

    def may_hold(self, permission: Permission) -> bool:
        """Whether what it is limited to leaves room for a permission."""
        return self.permissions is None or permission in self.permissions


LOCAL: Final = Principal("local", "local", frozenset({"admin"}), is_local=True)
"""Everyone, where the server runs for its own machine only."""
