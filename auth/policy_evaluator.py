"""Evaluation of group policies by Cedar, with caches of parsed policies and of decisions."""

from functools import lru_cache
from hashlib import sha256
from sys import getsizeof
from typing import Final, TypeAlias

from cedarpy import AuthzResult, Entities, PolicySet, is_authorized_batch
from orjson import JSONEncodeError

from lineal.auth.cedar import entities, uid
from lineal.auth.decisions import Decision
from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal
from lineal.auth.records import LineageGroup
from lineal.bounded_cache import BoundedCache

MAX_PARSED_BYTES: Final = 64 * 1024 * 1024
"""Largest estimated size of all cached parsed policies."""
MAX_DECISION_BYTES: Final = 32 * 1024 * 1024
"""Largest estimated size of all cached decisions."""
_PARSED_ENTITIES: Final = 64
"""How many pairs of principal and group are cached as Cedar entities. A principal has at most 64 KB of roles."""
_BYTES_PER_CHARACTER: Final = 30
"""Memory of a parsed policy by the length of its text, measured with cedarpy 4.12 on policies of 64 KB."""
_ENTRY_BYTES: Final = 800
"""Memory of a cached entry without its strings."""

_Key: TypeAlias = tuple[Principal, tuple[Permission, ...], bytes, str, str]
"""A principal, permissions, the digest of a policy, and the group with its account."""

_NOT_APPLICABLE: Final = Decision()
_NOT_EVALUABLE: Final = Decision(is_forbidden=True)


class PolicyEvaluator:
    """Decisions of group policies. Fails closed: where a policy cannot be evaluated, every permission is forbidden.

    Safe to call from several threads: the caches lock, and Cedar's parsed values are immutable.
    """

    def __init__(self) -> None:
        self.parsed: BoundedCache[str, PolicySet] = BoundedCache(MAX_PARSED_BYTES, _parsed_bytes)
        self.decisions: BoundedCache[_Key, tuple[Decision, ...]] = BoundedCache(MAX_DECISION_BYTES, _decision_bytes)
        self._entities = lru_cache(_PARSED_ENTITIES)(_entities)

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
        digest = sha256(group.policy.encode("utf-8", "surrogatepass")).digest()
        key = unlimited, permissions, digest, group.id, group.account
        decisions = self.decisions.get(key)
        if decisions is None:
            decisions = self._evaluate(unlimited, permissions, group)
            self.decisions.put(key, decisions)
        return decisions

    def _evaluate(
        self, principal: Principal, permissions: tuple[Permission, ...], group: LineageGroup
    ) -> tuple[Decision, ...]:
        requests = [
            {
                "principal": uid("Principal", principal.shown),
                "action": uid("Action", permission.cedar),
                "resource": uid("Group", group.id),
                "context": "{}",
            }
            for permission in permissions
        ]
        try:
            policies, known = self._policies(group.policy), self._entities(principal, group.id, group.account)
        except (ValueError, JSONEncodeError):
            return (_NOT_EVALUABLE,) * len(permissions)
        return tuple(map(_decision, is_authorized_batch(requests, policies, known)))

    def _policies(self, text: str) -> PolicySet:
        policies = self.parsed.get(text)
        if policies is None:
            policies = PolicySet.from_str(text)
            self.parsed.put(text, policies)
        return policies


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


def _parsed_bytes(text: str, policies: PolicySet) -> int:
    return _ENTRY_BYTES + _BYTES_PER_CHARACTER * len(text)


def _decision_bytes(key: _Key, decisions: tuple[Decision, ...]) -> int:
    principal, _, _, group, account = key
    strings = [principal.account, principal.name, *principal.roles, group, account]
    strings += [policy for decision in decisions for policy in decision.policies]
    return _ENTRY_BYTES + sum(map(getsizeof, strings)) + sum(map(getsizeof, decisions))
