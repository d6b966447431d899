"""What a request carries through its resolvers: who asks, of which store, as of when, and its loaders."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeVar

from aiodataloader import DataLoader

from lineal.auth.access_service import AccessService, microseconds
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.authorizer import Authorizer
from lineal.auth.directive import NeverChecked, checked
from lineal.auth.operations.base import Operation
from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal
from lineal.graphstore.queries import (
    AssociationsOf,
    BucketsOf,
    Find,
    HistoryOf,
    Limits,
    MetricsOf,
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

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Changed = TypeVar("Changed")


MOST_MISSED: Final = 1000
"""How many ids that were not to be seen one request notes, to be looked into after it is answered."""


@dataclass
class Context:
    """One request: who asks, what that may do as of `newest`, and of which store.

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
    known: dict[tuple[View, str], Entity] = field(default_factory=dict)
    """Entities loaded before anyone asked for them, by view and id."""
    not_seen: dict[str, None] = field(default_factory=dict)
    """Ids that were asked for by name and were not to be seen: absent, or denied."""
    observations_asked: int = 0
    """How many observations, and buckets of them, the request asked for so far."""

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
    ) -> "Context":
        """The context of a request by a principal, under the access of the newest moment, which is read unless given.

        Raises Unavailable.
        """
        moment = await store.newest() if newest is None else newest
        snapshot = await access_service.at(moment.epoch)
        authorizer = await access_service.authorizer(snapshot, principal, microseconds())
        return cls(store, access_service, snapshot, authorizer, moment, cursor_key, limits, request_id, is_large)

    async def compute(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **named: Arguments.kwargs
    ) -> Result:
        """The result of work on the input of the request, done in a thread if the input is large."""
        return await off_loop_if(self.is_large, work, *args, **named)

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self.authorizer.principal

    def holds(self, permission: Permission) -> bool:
        """Whether the caller holds a permission on the default group of its own account."""
        checked(permission)
        return self.authorizer.decide_on_own_account(permission).is_allowed

    def holds_on(self, permission: Permission, group: str) -> bool:
        """Whether the caller holds a permission on a group."""
        checked(permission)
        return self.authorizer.decide_on_group(permission, group).is_allowed

    def view(self, given: Any = None) -> View:
        """The view of a root field's reads: what the caller may see of everything recorded up to now.

        Or up to the times of an `asOf` that the field was given.
        """
        checked(Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE)
        newest = self.newest.recorded_at
        return as_of(View(self.authorizer.scope, AsOf(newest)), given, newest)

    def nested(self, view: View, given: Any = None) -> View:
        """The view of a record, for what is read of it: under the caller's scope, like all that it was given.

        Or, of that, what an `asOf` given again asks for.
        """
        if view.scope is not self.authorizer.scope and view.scope != self.authorizer.scope:
            raise NeverChecked("a record was read under a scope that is not the caller's")
        checked(Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE)
        # What this request itself recorded is later than the newest batch it began with.
        return as_of(view, given, max(self.newest.recorded_at, view.as_of.recorded_at))

    async def change(self, permission: Permission, operation: Operation[Changed]) -> Changed:
        """Change access, by an operation that asks for a permission; what follows in this request is under the new one.

        Raises auth's Refused, and what `AccessStore.change_access` raises but EpochConflict.
        """
        checked(permission)
        done = await self.access_service.change(self.principal, operation, self.request_id)
        self.snapshot = await self.access_service.at(self.snapshot.epoch)
        self.authorizer = await self.access_service.authorizer(self.snapshot, self.principal, microseconds())
        self.__dict__.pop("loaders", None)
        return done

    def cursors(self, field: str, view: View, *arguments: object) -> Cursors:
        """The cursors of a field's question, put by the caller."""
        return self._cursors(field, view.as_of, (requested_recorded_at(view), *arguments))

    def list_cursors(self, field: str, *arguments: object) -> Cursors:
        """The cursors of a field's question about access, which is always today's."""
        return self._cursors(field, AsOf(self.newest.recorded_at), arguments)

    def _cursors(self, field: str, as_of: AsOf, arguments: tuple[object, ...]) -> Cursors:
        asker = (self.principal.account, self.principal.name)
        return cursors(self.cursor_key, asker, field, as_of, *arguments)

    def missed(self, ids: Iterable[str]) -> None:
        """Note ids asked for by name that were not to be seen; which were denied is found out after the answer."""
        if not self.authorizer.scope.everything:
            for id in ids:
                if len(self.not_seen) < MOST_MISSED:
                    self.not_seen[id] = None

    @cached_property
    def loaders(self) -> "Loaders":
        """One set a request, made inside the running loop."""
        return Loaders(self.store)


class Loaders:
    """Sibling questions gathered into one call of a store verb. The same question twice is one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.entity: DataLoader[tuple[View, str], Entity | None] = DataLoader(self._entities)
        self.find: DataLoader[Find, EntityPage] = DataLoader(store.find)
        self.several: DataLoader[tuple[View, frozenset[str]], dict[str, Entity]] = DataLoader(self._several)
        self.history: DataLoader[HistoryOf, RevisionPage] = DataLoader(store.history)
        self.reach: DataLoader[Reach, ReachPage | None] = DataLoader(store.reach)
        self.associations: DataLoader[AssociationsOf, AssociationPage] = DataLoader(store.associations)
        self.among: DataLoader[ReachAssociations, AssociationPage | None] = DataLoader(store.reach_associations)
        self.metrics: DataLoader[MetricsOf, tuple[Metric, ...]] = DataLoader(store.metrics)
        self.series: DataLoader[SeriesOf, SeriesPage] = DataLoader(store.series)
        self.buckets: DataLoader[BucketsOf, tuple[Bucket, ...]] = DataLoader(store.buckets)
        self.entity_groups: DataLoader[str, EntityGroups | None] = DataLoader(store.entity_groups)
        self.key_used: DataLoader[str, int | None] = DataLoader(self._keys_used)

    async def _entities(self, keys: Sequence[tuple[View, str]]) -> list[Entity | None]:
        by_view: dict[View, list[str]] = {}
        for view, id in keys:
            by_view.setdefault(view, []).append(id)
        found = {
            (view, id): entity
            for view, ids in by_view.items()
            for id, entity in zip(ids, await self._store.entities(view, ids), strict=True)
        }
        return [found[key] for key in keys]

    async def _several(self, keys: Sequence[tuple[View, frozenset[str]]]) -> list[dict[str, Entity]]:
        wanted: dict[View, set[str]] = {}
        for view, ids in keys:
            wanted.setdefault(view, set()).update(ids)
        found = {
            view: {entity.id: entity for entity in await self._store.entities(view, sorted(ids)) if entity}
            for view, ids in wanted.items()
        }
        return [{id: found[view][id] for id in ids if id in found[view]} for view, ids in keys]

    async def _keys_used(self, ids: Sequence[str]) -> list[int | None]:
        found = await self._store.keys_used(ids)
        return [found.get(id) for id in ids]
