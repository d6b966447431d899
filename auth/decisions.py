"""What was decided, and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something may be done, and what decided it.

    `policies` are of the form `GROUP/POLICY` for a policy of a group, by its id, and `share/ID` for a share; none where
    nothing speaks of it. Where it is forbidden they are the policies that forbid.
    """

    is_allowed: bool
    is_forbidden: bool = False
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupExplanation:
    """What one group says of a question: its policy and the shares of it, and the same in sentences."""

    group: str
    is_allowed: bool
    is_forbidden: bool
    policies: tuple[str, ...]
    shares: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether something may be done, what each group says of it, and the same in sentences."""

    is_allowed: bool
    groups: tuple[GroupExplanation, ...]
    reasons: tuple[str, ...]
