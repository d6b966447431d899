"""Setting the policy of a group."""

from dataclasses import replace

from lineal.auth.access import Access
from lineal.auth.access_codec import document
from lineal.auth.access_snapshot import Directory
from lineal.auth.access_store import AccessChange
from lineal.auth.names import told
from lineal.auth.operations.base import Asked, Operation, Planned, RefusalCode, Refused
from lineal.auth.permissions import Permission
from lineal.auth.policy_texts import PolicyProblem, policy_problems
from lineal.auth.records import LineageGroup
from lineal.auth.scopes import default_group


class PolicyRefused(Refused):
    """A policy's text cannot be kept, for these problems."""

    def __init__(self, problems: tuple[PolicyProblem, ...]) -> None:
        first = problems[0]
        super().__init__(RefusalCode.INVALID_POLICY, f"Line {first.line}: {first.message}", ("policy",))
        self.problems = problems


def set_policy(id: str, policy: str, *, is_dry_run: bool = False) -> Operation[LineageGroup]:
    """Replace the policy of a group, from the next request on; a dry run only says whether it could be.

    Needs ADMINISTER on the default group of the group's account. Refused with NOT_FOUND, FORBIDDEN, or INVALID_POLICY,
    which is a PolicyRefused.
    """

    def plan(directory: Directory, access: Access, now: int) -> Planned[LineageGroup]:
        group = directory.groups.get(id)
        asked = Asked(access, "lineageGroupPolicySet", "GROUP", id, () if group is None else (group.account,))
        if group is None or not access.sees_group(id):
            raise asked.missing(f"There is no lineage group {told(id)}.", ("id",))
        allowed = asked.demand(
            access.decide(Permission.ADMINISTER, [default_group(group.account)]),
            f"This needs {Permission.ADMINISTER.shown} on the default group of account {group.account}.",
        )
        problems = policy_problems(policy)
        if problems:
            raise PolicyRefused(tuple(problems))
        changed = replace(group, policy=policy)
        if is_dry_run:
            return Planned(AccessChange(), changed)
        documents = () if changed == group else (document(changed),)
        return Planned(AccessChange(documents, audit=(allowed,)), changed)

    return plan
