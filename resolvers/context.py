"""What a request carries through its resolvers: who asks, of which store, as of when, and its loaders."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from aiodataloader import DataLoader

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.queries import AssociationsOf, Find, HistoryOf, Limits, Reach, ReachAssociations
from lineal.graphstore.records import AsOf, Entity, View
from lineal.graphstore.store import AssociationPage, EntityPage, ReachPage, RevisionPage, Store

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: a principal, and the account it acts for."""

    principal: str
    account: str


@dataclass
class Context:
    """One request. `cursor_key` signs cursors; `limits` bound each traversal."""

    store: Store
    viewer: Viewer
    cursor_key: bytes
    limits: Limits
    known: dict[tuple[View, str], Entity] = field(default_factory=dict)
    """Entities loaded before anyone asked for them, by view and id."""
    _view: "asyncio.Task[View] | None" = field(default=None, init=False)

    async def view(self) -> View:
        """The view of the request's reads: everything recorded up to now, "now" being read once."""
        if self._view is None:
            self._view = asyncio.ensure_future(self._newest())
        return await asyncio.shield(self._view)

    async def _newest(self) -> View:
        return View(EVERYTHING, AsOf(await self.store.watermark()))

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
