"""Cedar's schema of the namespace `Lineal`, and the Cedar names of accounts, roles, principals and groups.

A policy belongs to one group. Cedar decides whether a `Lineal::Principal`, which is in its roles and its account, may
do an action on the `Lineal::Group`, which is in its account. Entities have no attributes and the context is empty:
policies refer to principals, actions and groups by name only.
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
    """Return the name of an entity as JSON data, so that no id is parsed as policy text."""
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
    """Return the principal, the group and their parents: Cedar entities as JSON."""
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
    """Return a text as a Cedar string literal. Quotes, backslashes and all but printable ASCII are escaped."""
    return '"' + "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\u{{{ord(c):x}}}" for c in text) + '"'


def default_policy(account: str) -> str:
    """Return the first policy of an account's default group: administrators do everything, members read and record."""
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
