"""Operation that registers accounts."""

from lineal.auth.access_codec import document
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.access_store import AccessChange
from lineal.auth.authorizer import Authorizer
from lineal.auth.cedar import default_policy
from lineal.auth.decisions import Decision
from lineal.auth.operations.base import Attempt, Operation, Plan, RefusalCode, Refused, checked_account
from lineal.auth.permissions import Permission
from lineal.auth.records import Account, LineageGroup


def create_account(name: str, *, is_operator: bool = False) -> Operation[Account]:
    """Register an account, with its default group and that group's first policy.

    Needs an administrator of an operator account. Refused with INVALID_VALUE, FORBIDDEN, or CONFLICT if the name is
    taken.
    """

    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[Account]:
        attempt = Attempt(authorizer, "accountCreate", "ACCOUNT", name)
        decision = (
            authorizer.decide_on_own_account(Permission.ADMINISTER) if authorizer.is_operator else Decision(False)
        )
        entry = attempt.demand(
            decision, "Only administrators of an operator account register accounts: ask one of them."
        )
        checked_account(name, "The account's name", "name")
        if name in snapshot.accounts:
            raise Refused(RefusalCode.CONFLICT, f"Account {name} is registered already.", ("name",))
        by = authorizer.principal.shown
        account = Account(name, is_operator, now, by)
        group = LineageGroup(account.default_group, name, "default", True, default_policy(name), None, False, now, by)
        return Plan(AccessChange((document(account), document(group)), audit=(entry,)), account)

    return plan
