"""OpenLineage events, and what a store holds of them."""

from typing import Any

from record_builders import now

from lineal.capture.openlineage import receive
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import AssociationsOf, Find, MetricsOf
from lineal.graphstore.records import Association, Entity
from lineal.graphstore.store import Store

RUN = "3f5e83fa-3480-44ff-99c5-ff943904e5e8"
PARENT = "00000000-0000-4000-8000-000000000000"


def event(**more: Any) -> dict[str, Any]:
    return {
        "eventType": "START",
        "eventTime": "2026-03-01T12:00:00+01:00",
        "run": {"runId": RUN},
        "job": {"namespace": "n", "name": "j"},
        "producer": "test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        **more,
    }


def facet(**content: Any) -> dict[str, Any]:
    return {"_producer": "p", "_schemaURL": "s", **content}


def dataset(namespace: str, name: str, **facets: Any) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "facets": {key: facet(**value) for key, value in facets.items()}}


def job(**facets: Any) -> dict[str, Any]:
    return {"namespace": "n", "name": "j", "facets": {key: facet(**value) for key, value in facets.items()}}


class Held:
    """What a store holds: entities by (kind, name, version), and associations."""

    def __init__(self, entities: list[Entity], associations: list[Association]) -> None:
        self.entities = {(str(each.kind), each.name, each.version): each for each in entities}
        self.associations = associations

    def one(self, kind: str, name: str, version: str | None = None) -> Entity:
        return self.entities[kind, name, version]

    def properties(self, kind: str, name: str, version: str | None = None) -> dict[str, Any]:
        return {property.key: property.shown for property in self.one(kind, name, version).properties}

    def links(self) -> set[tuple[str, str, str]]:
        names = {
            each.urn: f"{each.kind}:{each.name}" + (f"@{each.version}" if each.version else "")
            for each in self.entities.values()
        }
        return {(names[each.source_urn], str(each.type), names[each.destination_urn]) for each in self.associations}

    def names(self, kind: str) -> set[str]:
        return {name for of, name, _ in self.entities if of == kind}


async def held(store: Store) -> Held:
    view = await now(store)
    (page,) = await store.find([Find(view, first=10_000)])
    pages = await store.associations([AssociationsOf(view, each.id, first=10_000) for each in page.items])
    by_id = {each.id: each for found in pages for each in found.items}
    return Held(list(page.items), list(by_id.values()))


async def received(*events: Any) -> Held:
    async with await open_store("memory:") as store:
        for each in events:
            await receive(store, each, account="a", by="me")
        return await held(store)


async def state(*events: Any) -> Any:
    """Folded content, associations, metrics and times, as a store holds them after events."""
    async with await open_store("memory:") as store:
        for each in events:
            await receive(store, each, account="a", by="me")
        found, view = await held(store), await now(store)
        metrics = await store.metrics([MetricsOf(view, each.id) for each in found.entities.values()])
    content = sorted(
        (e.urn, str((e.title, e.description, e.status, e.source, e.tags, e.properties, e.occurred_at)), str(series))
        for e, series in zip(found.entities.values(), metrics, strict=True)
    )
    associations = sorted(
        (a.source_urn, a.destination_urn, a.type, a.role or "", str(a.properties), a.occurred_at)
        for a in found.associations
    )
    return content, associations
