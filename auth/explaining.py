"""Why something may, or may not, be done."""

from collections.abc import Iterable

from lineal.auth.decisions import Explanation
from lineal.auth.directory import Directory
from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal


def explain(
    directory: Directory,
    principal: Principal,
    permission: Permission,
    groups: Iterable[str],
    kind: str | None,
    now: int,
) -> Explanation:
    """Why a principal may, or may not, do something on an entity of a kind that is in these groups.

    The answer is that of `Access.decide`, with what each group says of it. Groups that are not known are left out.
    """
    raise NotImplementedError
