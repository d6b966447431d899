"""The records of an event: entities, associations, and one revision for each entity that it describes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from lineal.capture.openlineage.names import joined, source_of
from lineal.capture.openlineage.values import Values
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewObservation, NewRevision
from lineal.graphstore.kinds import AssociationType, EntityKind, PropertyType
from lineal.graphstore.urns import make_urn
from lineal.graphstore.values import Property, text_problem

DATASET_LEVEL: Final = (Property("level", PropertyType.STRING, "DATASET"),)
VERSION_LEVEL: Final = (Property("level", PropertyType.STRING, "VERSION"),)
"""Property of an association between a run and a dataset: with the dataset itself, or with one version of it."""

AssociationIdentity = tuple[str, str, AssociationType, str | None]


@dataclass
class Mapped:
    """The records of an event, as if none of them were recorded yet."""

    account: str
    at: int
    subject: str = ""
    """The urn of the run, job or dataset that the event is about."""
    entities: dict[str, NewEntity] = field(default_factory=dict)
    associations: dict[AssociationIdentity, NewAssociation] = field(default_factory=dict)
    identities: dict[str, tuple[Property, ...]] = field(default_factory=dict)
    """By urn, the properties that follow from an entity's identity: set when the entity is first seen."""
    stated: dict[str, frozenset[str]] = field(default_factory=dict)
    """By urn, the facets that the event states, or deletes."""
    observations: list[NewObservation] = field(default_factory=list)
    status: NewRevision | None = None
    """The status of the run, apart from all else: it alone has a rank."""
    _revisions: dict[str, NewRevision] = field(default_factory=dict)

    def entity(self, kind: EntityKind, name: str, version: str | None = None) -> str:
        """Note an entity, and return its urn."""
        urn = make_urn(self.account, kind, name, version)
        if urn not in self.entities:
            self.entities[urn] = NewEntity(self.account, kind, name, version)
        return urn

    def dataset(self, namespace: str, name: str, version: str | None = None) -> str:
        """Note a dataset, and return its urn."""
        urn = self.entity(EntityKind.DATASET, joined(namespace, name), version)
        if urn not in self.identities:
            self.entities[urn] = replace(self.entities[urn], source=source_of(namespace, name))
            self.identify(urn, {"namespace": namespace, "name": name})
        return urn

    def job(self, namespace: str, name: str) -> str:
        """Note a job, and return its urn."""
        urn = self.entity(EntityKind.PIPELINE, joined(namespace, name))
        self.identify(urn, {"namespace": namespace, "name": name})
        return urn

    def identify(self, urn: str, texts: Mapping[str, str]) -> None:
        """Note properties that follow from an entity's identity."""
        if urn not in self.identities:
            self.identities[urn] = tuple(
                Property(key, PropertyType.STRING, text) for key, text in texts.items() if text_problem(text) is None
            )

    def associate(
        self,
        source: str,
        destination: str,
        type: AssociationType,
        role: str | None = None,
        properties: tuple[Property, ...] = (),
    ) -> None:
        """Note an association, but for one of an entity with itself."""
        if source != destination:
            new = NewAssociation(source, destination, type, role, properties)
            self.associations[source, destination, type, role] = new

    def revise(
        self,
        urn: str,
        values: Values,
        *,
        description: str | None = None,
        title: str | None = None,
        tags: tuple[str, ...] | None = None,
        removed: Iterable[str] = (),
        stated: Iterable[str] = (),
    ) -> None:
        """Note changes of an entity at the event's time, if there are any; later ones replace earlier ones."""
        self.stated[urn] = self.stated.get(urn, frozenset()) | frozenset(stated)
        noted = self._revisions.get(urn, NewRevision(urn, occurred_at=self.at))
        properties = {property.key: property for property in noted.properties} | values.properties
        self._revisions[urn] = replace(
            noted,
            description=noted.description if description is None else description,
            title=noted.title if title is None else title,
            tags=noted.tags if tags is None else tuple(sorted({*(noted.tags or ()), *tags})),
            properties=tuple(properties.values()),
            removed=tuple(sorted({*noted.removed, *removed} - properties.keys())),
        )

    def revisions(self) -> Iterator[NewRevision]:
        """The revisions that change something."""
        nothing = NewRevision("", occurred_at=self.at)
        return (revision for revision in self._revisions.values() if replace(revision, entity="") != nothing)

    def sighting(self, urn: str) -> NewRevision:
        """The revision that states when an entity was seen, with the properties that follow from its identity."""
        return NewRevision(urn, properties=self.identities.get(urn, ()), occurred_at=self.at)

    def batch(self) -> Batch:
        """All of it, in one batch."""
        revisions = (*self.revisions(), *([] if self.status is None else [self.status]))
        return Batch(
            tuple(self.entities.values()), tuple(self.associations.values()), revisions, tuple(self.observations)
        )
