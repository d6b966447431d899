"""An access store in memory, and a scene of accounts, principals and shares on it."""

from asyncio import sleep
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import TypeVar

from lineal.auth.access_service import AccessService
from lineal.auth.access_store import AccessChange, AccessDelta, AuditEntry, Document, EpochConflict, Membership
from lineal.auth.authorizer import Authorizer
from lineal.auth.operations.accounts import create_account
from lineal.auth.operations.base import Operation
from lineal.auth.operations.group_policies import set_policy
from lineal.auth.operations.invitations import accept_invitation
from lineal.auth.operations.shares import ShareTerms, create_share
from lineal.auth.permissions import Permission
from lineal.auth.principals import LOCAL, Principal
from lineal.auth.records import ResourceShare, ShareTarget
from lineal.auth.scopes import EntityScope, default_group

Result = TypeVar("Result")

NOON = 1_800_000_000_000_000
HOUR = 3_600_000_000
READING = frozenset({Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE})


class MemoryAccessStore:
    """An `AccessStore` in memory. `reads` counts the calls of `access_since`."""

    def __init__(self) -> None:
        self.epoch = 0
        self.members_at = 0
        self.documents: dict[tuple[str, str], tuple[int, Document]] = {}
        self.members: set[Membership] = set()
        self.log: list[AuditEntry] = []
        self.reads = 0

    async def access_since(self, epoch: int) -> AccessDelta:
        self.reads += 1
        await sleep(0)
        changed = tuple(document for at, document in self.documents.values() if at > epoch)
        return AccessDelta(self.epoch, self.members_at, changed)

    async def change_access(self, change: AccessChange, *, epoch: int) -> int:
        await sleep(0)
        if epoch != self.epoch:
            raise EpochConflict
        self.log += change.audit
        if change.documents or change.joins or change.leaves:
            self.epoch += 1
            self.documents |= {(each.part, each.id): (self.epoch, each) for each in change.documents}
        if change.joins or change.leaves:
            self.members_at = self.epoch
            self.members = (self.members | set(change.joins)) - set(change.leaves)
        return self.epoch

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        self.log += entries

    async def secret(self, name: str) -> bytes:
        return sha256(name.encode()).digest()


def person(account: str, name: str = "pat", *roles: str, limited_to: frozenset[Permission] | None = None) -> Principal:
    return Principal(account, name, frozenset(roles), limited_to)


def admin(account: str) -> Principal:
    return person(account, "ada", "admin")


class Scene:
    """Accounts on an access store, with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = NOON
        self.store = MemoryAccessStore()
        self.access_service = AccessService(self.store, lambda: self.now)

    async def of(self, *accounts: str) -> "Scene":
        for account in accounts:
            await self.access_service.change(LOCAL, create_account(account))
        return self

    async def do(self, who: Principal, operation: Operation[Result]) -> Result:
        return await self.access_service.change(who, operation, "request-1")

    async def authorizer(self, who: Principal) -> Authorizer:
        return await self.access_service.authorizer(await self.access_service.newest(), who, self.now)

    async def entity_scope(self, who: Principal, account: str, *groups: str, kind: str = "DATASET") -> EntityScope:
        """Return a principal's scope of an entity of an account, in its default group and further groups."""
        return (await self.authorizer(who)).scope.entity_scope(frozenset({default_group(account), *groups}), kind)

    async def policy(self, account: str, text: str, group: str | None = None) -> None:
        """Set the policy of a group, the account's default group unless named, as the local administrator."""
        await self.do(LOCAL, set_policy(group or default_group(account), text))

    async def share(self, account: str, *targets: ShareTarget, accepted: bool = True, **terms: object) -> ResourceShare:
        """Share an account's default group for reading, unless `terms` differ; every receiving account accepts."""
        reading = ShareTerms("a share", (default_group(account),), targets, READING)
        share = await self.do(admin(account), create_share(replace(reading, **terms)))  # type: ignore[arg-type]
        for receiver in share.accounts if accepted else ():
            await self.do(admin(receiver), accept_invitation(f"{share.id}/{receiver}"))
        return share
