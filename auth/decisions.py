"""Decisions and their explanations."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a principal may do something, and the policies and shares that decided it.

    The decision of one group's policy names policies by their `@id`, else by position: `policy0`, `policy1`. A decision
    over several groups names `GROUP/POLICY` for a policy, by the group's id, and `share/ID` for a share. `policies` is
    empty where no policy or share applies. Where a policy forbids, `policies` names only the policies that forbid.
    Where a policy cannot be evaluated, every permission is forbidden and `policies` is empty.
    """

    is_allowed: bool = False
    is_forbidden: bool = False
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupExplanation:
    """The decision of one group: its policy and shares that decided, and the reasons in sentences."""

    group: str
    is_allowed: bool
    is_forbidden: bool
    policies: tuple[str, ...]
    shares: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with that of every group, and the reasons in sentences."""

    is_allowed: bool
    groups: tuple[GroupExplanation, ...]
    reasons: tuple[str, ...]
