"""Evaluation of group policies by Cedar, with caches of parsed policies and of decisions."""

from functools import lru_cache
from typing import Final

from cedarpy import AuthzResult, Entities, PolicySet, is_authorized_batch
from orjson import JSONEncodeError

from lineal.auth.cedar import entities, uid
from lineal.auth.decisions import Decision
from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal
from lineal.auth.records import LineageGroup

_PARSED_POLICIES: Final = 256
_PARSED_ENTITIES: Final = 64
_CACHED_DECISIONS: Final = 65_536

_NOT_APPLICABLE: Final = Decision()
_NOT_EVALUABLE: Final = Decision(is_forbidden=True)


class PolicyEvaluator:
    """Decisions of group policies. Fails closed: where a policy cannot be evaluated, every permission is forbidden.

    Safe to call from several threads: the caches lock, and Cedar's parsed values are immutable.
    """

    def __init__(self) -> None:
        self._parsed = lru_cache(_PARSED_POLICIES)(PolicySet.from_str)
        self._entities = lru_cache(_PARSED_ENTITIES)(_entities)
        self._decisions = lru_cache(_CACHED_DECISIONS)(self._evaluate)

    def decide(self, principal: Principal, permission: Permission, group: LineageGroup) -> Decision:
        """Return what a group's policy decides on a permission, before the limits of the principal's API key.

        Cedar evaluates this group alone, so that its policy cannot decide for another group.
        """
        return self.decide_each(principal, (permission,), group)[0]

    def decide_each(
        self, principal: Principal, permissions: tuple[Permission, ...], group: LineageGroup
    ) -> tuple[Decision, ...]:
        """Return what a group's policy decides on several permissions, in their order."""
        if not group.policy:
            return (_NOT_APPLICABLE,) * len(permissions)
        # Keys of one principal with different limits share the cached decisions.
        unlimited = Principal(principal.account, principal.name, principal.roles)
        return self._decisions(unlimited, permissions, group.policy, group.id, group.account)

    def _evaluate(
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
            policies, known = self._parsed(policy), self._entities(principal, group, account)
        except (ValueError, JSONEncodeError):
            return (_NOT_EVALUABLE,) * len(permissions)
        return tuple(map(_decision, is_authorized_batch(requests, policies, known)))


def _decision(result: AuthzResult) -> Decision:
    diagnostics = result.diagnostics
    if diagnostics.errors:
        return _NOT_EVALUABLE
    names = diagnostics.id_annotations_by_reason
    policies = tuple(sorted(names.get(reason) or reason for reason in diagnostics.reasons))
    if not policies:
        return _NOT_APPLICABLE
    return Decision(result.allowed, not result.allowed, policies)


def _entities(principal: Principal, group: str, account: str) -> Entities:
    return Entities.from_json_str(entities(principal, group, account))
