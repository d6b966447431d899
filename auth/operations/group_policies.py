"""Operation that sets the policy of a group."""

from dataclasses import replace

from lineal.auth.access_codec import document
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.access_store import AccessChange
from lineal.auth.authorizer import Authorizer
from lineal.auth.names import printable
from lineal.auth.operations.base import Attempt, Operation, Plan, RefusalCode, Refused
from lineal.auth.permissions import Permission
from lineal.auth.policy_validation import PolicyProblem, policy_problems
from lineal.auth.records import LineageGroup
from lineal.auth.scopes import default_group


class PolicyRefused(Refused):
    """The text of a policy is invalid; `problems` says why."""

    def __init__(self, problems: tuple[PolicyProblem, ...]) -> None:
        first = problems[0]
        super().__init__(RefusalCode.INVALID_POLICY, f"Line {first.line}: {first.message}", ("policy",))
        self.problems = problems


def set_policy(id: str, policy: str, *, is_dry_run: bool = False) -> Operation[LineageGroup]:
    """Replace the policy of a group, from the next request on. A dry run only checks the policy.

    Needs ADMINISTER on the default group of the group's account. Refused with NOT_FOUND, FORBIDDEN or INVALID_POLICY
    (PolicyRefused).
    """

    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[LineageGroup]:
        group = snapshot.groups.get(id)
        attempt = Attempt(authorizer, "lineageGroupPolicySet", "GROUP", id, () if group is None else (group.account,))
        if group is None or not authorizer.sees_group(id):
            raise attempt.missing(f"There is no lineage group {printable(id)}.", ("id",))
        entry = attempt.demand(
            authorizer.decide(Permission.ADMINISTER, [default_group(group.account)]),
            f"This needs {Permission.ADMINISTER.shown} on the default group of account {group.account}.",
        )
        problems = policy_problems(policy)
        if problems:
            raise PolicyRefused(tuple(problems))
        changed = replace(group, policy=policy)
        if is_dry_run:
            return Plan(AccessChange(), changed)
        documents = () if changed == group else (document(changed),)
        return Plan(AccessChange(documents, audit=(entry,)), changed)

    return plan
