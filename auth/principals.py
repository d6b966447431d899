"""Principals: the callers of the server."""

from dataclasses import dataclass
from typing import Final

from lineal.auth.names import within
from lineal.auth.permissions import Permission


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or a program of an account, with the roles of its token or API key.

    `permissions` limits what policies and shares allow it, None does not. `is_local`: the administrator of a server in
    development mode, who may do everything.
    """

    account: str
    name: str
    roles: frozenset[str] = frozenset()
    permissions: frozenset[Permission] | None = None
    is_local: bool = False

    @property
    def shown(self) -> str:
        """The name in policies, records and the audit log: `account/name`."""
        return within(self.account, self.name)

    def may_hold(self, permission: Permission) -> bool:
        """Whether the limits of the principal include a permission."""
        return self.permissions is None or permission in self.permissions


LOCAL: Final = Principal("local", "local", frozenset({"admin"}), is_local=True)
"""Every caller of a server in development mode."""
