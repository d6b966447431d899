"""The policies of groups, parsed once and asked often."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cedarpy import Decision, Entities, PolicySet, is_authorized

from lineal.auth.cedar import entities, uid
from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal
from lineal.auth.records import LineageGroup

_TEXTS_KEPT: Final = 4_096
_ENTITIES_KEPT: Final = 64
_VERDICTS_KEPT: Final = 65_536


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a group's policy says: whether it permits, or forbids, and the names of the policies that decided it.

    A policy is named by its `@id`, else `policy0`, `policy1` and so on by its place. Neither permitted nor forbidden is
    what no policy speaks of. Where one cannot be parsed or evaluated, all is forbidden, by
    none by name.
    """

    is_allowed: bool = False
    is_forbidden: bool = False
    policies: tuple[str, ...] = ()


class GroupPolicies:
    """Answers of policies, kept: a policy's text, once parsed, and what it said of whom."""

    def __init__(self) -> None:
        self._parsed = lru_cache(_TEXTS_KEPT)(PolicySet.from_str)
        self._entities = lru_cache(_ENTITIES_KEPT)(_entities)
        self._verdict = lru_cache(_VERDICTS_KEPT)(self._ask)

    def decide(self, principal: Principal, permission: Permission, group: LineageGroup) -> Verdict:
        """What a group's policy says of someone doing something on the group, whatever a key limits it to.

        Asked of this group alone, so that the policy can speak for no other.
        """
        if not group.policy:
            return Verdict()
        # What a key is limited to is not policy's affair, and would keep the same answer many times.
        who = Principal(principal.account, principal.name, principal.roles)
        return self._verdict(who, permission, group.policy, group.id, group.account)

    def _ask(self, principal: Principal, permission: Permission, policy: str, group: str, account: str) -> Verdict:
        request = {
            "principal": uid("Principal", principal.shown),
            "action": uid("Action", permission.cedar),
            "resource": uid("Group", group),
            "context": {},
        }
        try:
            parsed = self._parsed(policy)
        except ValueError:
            return Verdict(is_forbidden=True)
        answer = is_authorized(request, parsed, self._entities(principal, group, account))
        found = answer.diagnostics
        if found.errors:
            return Verdict(is_forbidden=True)
        names = found.id_annotations_by_reason
        policies = tuple(sorted(names.get(reason) or reason for reason in found.reasons))
        is_allowed = answer.decision is Decision.Allow
        return Verdict(is_allowed, not is_allowed and bool(policies), policies)


def _entities(principal: Principal, group: str, account: str) -> Entities:
    return Entities.from_json_str(entities(principal, group, account))
