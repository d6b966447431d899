"""The words of policies: Cedar's schema of the namespace `Lineal`, and how accounts, roles and principals are written.

A policy is of one group. It is asked whether a `Lineal::Principal`, in its roles and its account, may do an action on
the `Lineal::Group`, in its account. Nothing has attributes and the context is empty: policies speak of who, what and
which by their names alone.
"""

from typing import Final, TypeAlias

import orjson
from cedarpy import Schema

from lineal.auth.names import within
from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal

_ACTIONS: Final = ", ".join(f'"{permission.cedar}"' for permission in Permission)

SCHEMA_TEXT: Final = f"""\
namespace Lineal {{
  entity Account;
  entity Role in [Account];
  entity Principal in [Role, Account];
  entity Group in [Account];
  action {_ACTIONS} appliesTo {{
    principal: [Principal],
    resource: [Group],
    context: {{}},
  }};
}}
"""

SCHEMA: Final = Schema.from_str(SCHEMA_TEXT)

EntityName: TypeAlias = tuple[str, str]
"""A Cedar entity: its qualified type, for example `Lineal::Account`, and its id."""


def uid(type: str, id: str) -> dict[str, str]:
    """The name of an entity in a form that holds any text, so that no id can end it and say more."""
    return {"type": f"Lineal::{type}", "id": id}


def names_of(principal: Principal) -> list[EntityName]:
    """Return the type and id of every entity that a principal is, or is in: itself, its roles and its account."""
    roles = (within(principal.account, role) for role in sorted(principal.roles))
    return [
        ("Lineal::Principal", principal.shown),
        *(("Lineal::Role", role) for role in roles),
        ("Lineal::Account", principal.account),
    ]


def entities(principal: Principal, group: str, account: str) -> str:
    """The principal, and the group in its account, with what they are in: Cedar entities as JSON."""
    home = uid("Account", principal.account)
    roles = [uid("Role", within(principal.account, role)) for role in sorted(principal.roles)]
    owner = uid("Account", account)
    known = [
        _entity(uid("Principal", principal.shown), [*roles, home]),
        *(_entity(role, [home]) for role in roles),
        _entity(home),
        _entity(uid("Group", group), [owner]),
    ]
    return orjson.dumps(known if owner == home else [*known, _entity(owner)]).decode()


def _entity(name: dict[str, str], parents: list[dict[str, str]] | None = None) -> dict[str, object]:
    return {"uid": name, "attrs": {}, "parents": parents or []}


def quoted(text: str) -> str:
    """A text as a Cedar string literal: what is not plain ASCII, and what would end the literal, by its number."""
    return '"' + "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\u{{{ord(c):x}}}" for c in text) + '"'


def default_policy(account: str) -> str:
    """The policy that an account's default group begins with: administrators may do all, members read and record."""
    admins, members = quoted(within(account, "admin")), quoted(account)
    actions = ["Read", "ReadProperties", "Traverse", "Record", "Associate"]
    listed = ", ".join(f'Lineal::Action::"{action}"' for action in actions)
    return f"""\
@id("admins")
permit (
  principal in Lineal::Role::{admins},
  action,
  resource
);

@id("members")
permit (
  principal in Lineal::Account::{members},
  action in [{listed}],
  resource
);
"""
