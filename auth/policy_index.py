"""Index from the accounts, roles and principals that policies name to the groups of these policies.

Cedar evaluates the conditions of a policy only for a principal that its principal constraint admits. A policy whose
constraint is `== X` or `in X` therefore decides nothing, and raises no error, for a principal that is not X and not
in X. Policies with any other constraint, and text that cannot be read, are indexed as applicable to every principal:
the index may return a group too many, never one too few.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import orjson
from cedarpy import policies_to_json_str

from lineal.auth.cedar import EntityName, names_of
from lineal.auth.principals import Principal

NamedEntities: TypeAlias = frozenset[EntityName] | None
"""The entities that a policy's principal constraints name. None: the policy may apply to every principal."""

_NO_GROUPS: Final[frozenset[str]] = frozenset()


def named_entities(policy: str) -> NamedEntities:
    """Return the entities that the principal constraints of a group's policy name, None if it may apply to all."""
    if not policy:
        return frozenset()
    try:
        parsed = orjson.loads(policies_to_json_str(policy))
        if parsed["templates"] or parsed["templateLinks"]:
            return None
        names = [_constraint_name(each["principal"]) for each in parsed["staticPolicies"].values()]
    except (ValueError, LookupError, TypeError):
        return None
    return None if None in names else frozenset(name for name in names if name is not None)


def _constraint_name(constraint: dict[str, Any]) -> EntityName | None:
    """Return the entity of `== X`, `in X` and `is T in X` in Cedar's JSON format, None of any other constraint."""
    match constraint:
        case {"op": "==" | "in", "entity": {"type": str(type), "id": str(id)}}:
            return type, id
        case {"op": "is", "in": {"entity": {"type": str(type), "id": str(id)}}}:
            return type, id
        case _:
            return None


@dataclass(frozen=True, eq=False)
class PolicyIndex:
    """The groups whose policies can apply to a principal. Immutable; `updated` returns the next one."""

    _by_name: Mapping[EntityName, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    _for_all: frozenset[str] = _NO_GROUPS
    _named: Mapping[str, NamedEntities] = field(default_factory=lambda: MappingProxyType({}))
    """By group with a policy, the entities its policy names."""

    def updated(self, policies: Mapping[str, str]) -> "PolicyIndex":
        """Return the index after some groups' policies changed, by group id; an empty policy removes the group."""
        changed = {group: named_entities(policy) for group, policy in policies.items()}
        before = {group: self._named[group] for group in changed if group in self._named}
        for_all = self._for_all - changed.keys() | {group for group, names in changed.items() if names is None}
        touched: dict[EntityName, set[str]] = {}
        for names in (*before.values(), *changed.values()):
            for name in names or ():
                if name not in touched:
                    touched[name] = set(self._by_name.get(name, ()))
        for group, names in before.items():
            for name in names or ():
                touched[name].discard(group)
        for group, names in changed.items():
            for name in names or ():
                touched[name].add(group)
        by_name = dict(self._by_name) | {name: frozenset(groups) for name, groups in touched.items()}
        for name in [name for name, groups in touched.items() if not groups]:
            del by_name[name]
        named = dict(self._named) | changed
        for group in [group for group, policy in policies.items() if not policy]:
            del named[group]
        return PolicyIndex(MappingProxyType(by_name), for_all, MappingProxyType(named))

    def groups_for(self, principal: Principal) -> frozenset[str]:
        """Return the ids of the groups whose policies can apply to a principal.

        All groups with a policy for a principal whose name is not valid Unicode: evaluation fails for it, and denies.
        """
        names = names_of(principal)
        try:
            for _, id in names:
                id.encode()
        except UnicodeEncodeError:
            return frozenset(self._named)
        return self._for_all.union(*(self._by_name.get(name, _NO_GROUPS) for name in names))
