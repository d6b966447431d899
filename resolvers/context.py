"""The context of a request: its caller, store, time and loaders."""

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

from aiodataloader import DataLoader

from lineal.auth.access_service import AccessService, microseconds
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.authorizer import Authorizer
from lineal.auth.directive import NeverChecked, checked
from lineal.auth.operations.accounts import create_account
from lineal.auth.operations.base import Operation, RefusalCode, Refused
from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal
from lineal.graphstore.quarantine import Quarantined, QuarantineQuestion
from lineal.graphstore.queries import (
    AssociationsOf,
    BucketsOf,
    Find,
    HistoryOf,
    Limits,
    MetricsOf,
    PropertyKeys,
    Reach,
    ReachAssociations,
    SeriesOf,
)
from lineal.graphstore.records import AsOf, Bucket, Entity, Metric, View
from lineal.graphstore.store import (
    AssociationPage,
    EntityGroups,
    EntityPage,
    Newest,
    ReachPage,
    RevisionPage,
    SeriesPage,
    Store,
)
from lineal.resolvers.as_of import as_of, requested_recorded_at
from lineal.resolvers.cursors import Cursors, cursors
from lineal.threads import Arguments, Result, off_loop_if

K = TypeVar("K")
V = TypeVar("V")
Question = TypeVar("Question")
Answer = TypeVar("Answer")
Changed = TypeVar("Changed")
RecordDocument: TypeAlias = Callable[["Context", Quarantined], Awaitable[Sequence[str]]]
"""Records a refused document as its account's lineage, by the caller; gives the problems if it is refused again."""


@dataclass
class Context:
    """One request: its store, the caller's authorizer as of `newest`, and the loaders.

    `cursor_key` signs cursors; `limits` bound each traversal; `request_id` goes into the audit log.
    """

    store: Store
    access_service: AccessService
    snapshot: AccessSnapshot
    authorizer: Authorizer
    newest: Newest
    cursor_key: bytes
    limits: Limits
    request_id: str = ""
    is_large: bool = False
    """Whether the input of the request is so large that processing it takes many milliseconds."""
    is_dev: bool = False
    """Whether the server runs in development mode, where recording into an account registers it."""
    known: dict[tuple[View, str], Entity] = field(default_factory=dict)
    """Entities loaded ahead of the fields that read them, by view and id."""
    not_seen: dict[str, None] = field(default_factory=dict)
    """Ids that the request asked for and did not see: absent or denied."""
    suggested: int = 0
    """The number of absent URNs of the request that got a search for a suggestion."""
    warnings: list[dict[str, Any]] = field(default_factory=list)
    """The warnings of the answer, in `extensions.warnings`."""
    record_document: RecordDocument | None = None
    """Set by a server, which knows the forms of documents."""
    document_bytes: int = 0
    """The number of bytes of refused documents that the request has asked for so far."""
    observations_requested: int = 0
    """The number of observations, and buckets of them, that the request has asked for so far."""

    @classmethod
    async def opened(
        cls,
        store: Store,
        access_service: AccessService,
        principal: Principal,
        cursor_key: bytes,
        limits: Limits,
        *,
        newest: Newest | None = None,
        request_id: str = "",
        is_large: bool = False,
        is_dev: bool = False,
        record_document: RecordDocument | None = None,
    ) -> "Context":
        """Return the context of a principal's request at the store's newest state, read here unless passed.

        Raises Unavailable.
        """
        moment = await store.newest() if newest is None else newest
        snapshot = await access_service.at(moment.epoch)
        authorizer = await access_service.authorizer(snapshot, principal, microseconds())
        return cls(
            store,
            access_service,
            snapshot,
            authorizer,
            moment,
            cursor_key,
            limits,
            request_id,
            is_large,
            is_dev,
            record_document=record_document,
        )

    async def compute(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **named: Arguments.kwargs
    ) -> Result:
        """The result of work on the input of the request, done in a thread if the input is large."""
        return await off_loop_if(self.is_large, work, *args, **named)

    @property
    def principal(self) -> Principal:
        """The caller."""
        return self.authorizer.principal

    def holds(self, permission: Permission) -> bool:
        """Whether the caller holds a permission on the default group of its own account."""
        checked(permission)
        return self.authorizer.decide_on_own_account(permission).is_allowed

    def holds_on(self, permission: Permission, group: str) -> bool:
        """Whether the caller holds a permission on a group."""
        checked(permission)
        return self.authorizer.decide_on_group(permission, group).is_allowed

    def view(self, argument: Any = None) -> View:
        """Return the view of a root field: everything recorded so far that the caller may see.

        An `asOf` argument limits it to records up to its times.
        """
        checked(Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE)
        newest = self.newest.recorded_at
        return as_of(View(self.authorizer.scope, AsOf(newest)), argument, newest)

    def nested(self, view: View, argument: Any = None) -> View:
        """Return the view for reads below a record: the record's own view, which has the caller's scope.

        An `asOf` argument of the nested field limits it further.
        """
        if view.scope is not self.authorizer.scope and view.scope != self.authorizer.scope:
            raise NeverChecked("a record was read under a scope that is not the caller's")
        checked(Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE)
        # Records of this request itself are newer than the state at its start.
        return as_of(view, argument, max(self.newest.recorded_at, view.as_of.recorded_at))

    async def change(self, permission: Permission, operation: Operation[Changed]) -> Changed:
        """Apply an operation that checks a permission. The rest of the request runs under the changed access.

        Raises Refused, and the errors of `AccessStore.change_access` except EpochConflict.
        """
        checked(permission)
        result = await self.access_service.change(self.principal, operation, self.request_id)
        self.snapshot = await self.access_service.at(self.snapshot.epoch)
        self.authorizer = await self.access_service.authorizer(self.snapshot, self.principal, microseconds())
        self.__dict__.pop("loaders", None)
        return result

    async def register(self, account: str) -> None:
        """Register an account, unless it is registered or its name is not valid. Raises as `change` does."""
        try:
            await self.change(Permission.ADMINISTER, create_account(account))
        except Refused as refused:
            if refused.code not in (RefusalCode.CONFLICT, RefusalCode.INVALID_VALUE):
                raise
            self.snapshot = await self.access_service.at(self.snapshot.epoch)

    def cursors(self, field: str, view: View, *arguments: object) -> Cursors:
        """Return the cursors of a field's query by the caller."""
        return self._cursors(field, view.as_of, (requested_recorded_at(view), *arguments))

    def list_cursors(self, field: str, *arguments: object) -> Cursors:
        """Return the cursors of a field's query about access, which always reads the current state."""
        return self._cursors(field, AsOf(self.newest.recorded_at), arguments)

    def _cursors(self, field: str, as_of: AsOf, arguments: tuple[object, ...]) -> Cursors:
        caller = (self.principal.account, self.principal.name)
        return cursors(self.cursor_key, caller, field, as_of, *arguments)

    def missed(self, ids: Iterable[str]) -> None:
        """Note ids that the request did not see. The audit finds the denied ones after the answer is sent."""
        if not self.authorizer.scope.everything:
            self.not_seen.update(dict.fromkeys(ids))

    @cached_property
    def loaders(self) -> "Loaders":
        """One set a request, made inside the running loop."""
        return Loaders(self.store)


class SharedLoader(DataLoader[K, V]):
    """A loader of which one question's answer survives that a field which waits for it is cancelled.

    The failure of a field cancels the fields beside it. Other fields, elsewhere in the answer, may wait for the same.
    """

    def load(self, key: K) -> Future[V]:
        return asyncio.shield(super().load(key))


class Loaders:
    """Sibling questions gathered into one call of a store verb. The same question twice is one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.entity: SharedLoader[tuple[View, str], Entity | None] = SharedLoader(self._entities)
        self.find: SharedLoader[Find, EntityPage] = SharedLoader(store.find)
        self.several: SharedLoader[tuple[View, frozenset[str]], dict[str, Entity]] = SharedLoader(self._several)
        self.history: SharedLoader[HistoryOf, RevisionPage] = SharedLoader(store.history)
        self.reach: SharedLoader[Reach, ReachPage | None] = SharedLoader(store.reach)
        self.associations: SharedLoader[AssociationsOf, AssociationPage] = SharedLoader(store.associations)
        self.among: SharedLoader[ReachAssociations, AssociationPage | None] = SharedLoader(store.reach_associations)
        self.metrics: SharedLoader[MetricsOf, tuple[Metric, ...]] = SharedLoader(store.metrics)
        self.series: SharedLoader[SeriesOf, SeriesPage] = SharedLoader(store.series)
        self.buckets: SharedLoader[BucketsOf, tuple[Bucket, ...]] = SharedLoader(store.buckets)
        self.property_keys: SharedLoader[PropertyKeys, list[str]] = SharedLoader(store.property_keys)
        self.entity_groups: SharedLoader[str, EntityGroups | None] = SharedLoader(store.entity_groups)
        self.key_used: SharedLoader[str, int | None] = SharedLoader(self._keys_used)
        self.document: SharedLoader[str, bytes | None] = SharedLoader(self._documents)

    async def _entities(self, keys: Sequence[tuple[View, str]]) -> list[Entity | None]:
        by_view: dict[View, list[str]] = {}
        for view, id in keys:
            by_view.setdefault(view, []).append(id)
        entities = {
            (view, id): entity
            for view, ids in by_view.items()
            for id, entity in zip(ids, await self._store.entities(view, ids), strict=True)
        }
        return [entities[key] for key in keys]

    async def _several(self, keys: Sequence[tuple[View, frozenset[str]]]) -> list[dict[str, Entity]]:
        wanted: dict[View, set[str]] = {}
        for view, ids in keys:
            wanted.setdefault(view, set()).update(ids)
        entities = {
            view: {entity.id: entity for entity in await self._store.entities(view, sorted(ids)) if entity}
            for view, ids in wanted.items()
        }
        return [{id: entities[view][id] for id in ids if id in entities[view]} for view, ids in keys]

    async def _keys_used(self, ids: Sequence[str]) -> list[int | None]:
        used_at = await self._store.keys_used(ids)
        return [used_at.get(id) for id in ids]

    async def _documents(self, ids: Sequence[str]) -> list[bytes | None]:
        page = await self._store.quarantined(QuarantineQuestion(first=len(ids), ids=tuple(ids)))
        documents = {each.id: each.document for each in page.items}
        return [documents.get(id) for id in ids]
