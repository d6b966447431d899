"""The policies of groups, parsed once and asked often."""

from functools import lru_cache
from typing import Final

from cedarpy import AuthzResult, Entities, PolicySet, is_authorized_batch
from orjson import JSONEncodeError

from lineal.auth.cedar import entities, uid
from lineal.auth.decisions import Decision
from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal
from lineal.auth.records import LineageGroup

_TEXTS_KEPT: Final = 4_096
_ENTITIES_KEPT: Final = 64
_DECISIONS_KEPT: Final = 65_536


_SILENT: Final = Decision()
_BROKEN: Final = Decision(is_forbidden=True)


class GroupPolicies:
    """Answers of policies, kept: a policy's text, once parsed, and what it said of whom."""

    def __init__(self) -> None:
        self._parsed = lru_cache(_TEXTS_KEPT)(PolicySet.from_str)
        self._entities = lru_cache(_ENTITIES_KEPT)(_entities)
        self._decisions = lru_cache(_DECISIONS_KEPT)(self._ask)

    def decide(self, principal: Principal, permission: Permission, group: LineageGroup) -> Decision:
        """What a group's policy says of someone doing something on the group, whatever a key limits it to.

        Asked of this group alone, so that the policy can speak for no other.
        """
        return self.decide_each(principal, (permission,), group)[0]

    def decide_each(
        self, principal: Principal, permissions: tuple[Permission, ...], group: LineageGroup
    ) -> tuple[Decision, ...]:
        """What a group's policy says of each of some permissions, in their order."""
        if not group.policy:
            return (_SILENT,) * len(permissions)
        # What a key is limited to is not policy's affair, and would keep the same answer many times.
        who = Principal(principal.account, principal.name, principal.roles)
        return self._decisions(who, permissions, group.policy, group.id, group.account)

    def _ask(
        self, principal: Principal, permissions: tuple[Permission, ...], policy: str, group: str, account: str
    ) -> tuple[Decision, ...]:
        requests = [
            {
                "principal": uid("Principal", principal.shown),
                "action": uid("Action", permission.cedar),
                "resource": uid("Group", group),
                "context": "{}",
            }
            for permission in permissions
        ]
        try:
            parsed, known = self._parsed(policy), self._entities(principal, group, account)
        except (ValueError, JSONEncodeError):
            return (_BROKEN,) * len(permissions)
        answers = is_authorized_batch(requests, parsed, known)
        return tuple(map(_decision, answers))


def _decision(answer: AuthzResult) -> Decision:
    found = answer.diagnostics
    if found.errors:
        return _BROKEN
    names = found.id_annotations_by_reason
    policies = tuple(sorted(names.get(reason) or reason for reason in found.reasons))
    if not policies:
        return _SILENT
    return Decision(answer.allowed, not answer.allowed, policies)


def _entities(principal: Principal, group: str, account: str) -> Entities:
    return Entities.from_json_str(entities(principal, group, account))
