"""Validates batches and records them in the ledger of the reference model."""

from dataclasses import dataclass, field, replace

from reference_records import Kept, Observed, Part, identity

from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewObservation, NewRevision
from lineal.graphstore.digests import (
    association_form,
    differing_fields,
    digest,
    entity_form,
    revision_form,
    revision_set_form,
)
from lineal.graphstore.errors import Problem, ProblemCode

Path = tuple[str | int, ...]


@dataclass
class Ledger:
    """Everything recorded, each kind in the order recorded."""

    entities: list[Kept[NewEntity]] = field(default_factory=list)
    associations: list[Kept[NewAssociation]] = field(default_factory=list)
    revisions: list[Kept[NewRevision]] = field(default_factory=list)
    observations: list[Observed] = field(default_factory=list)

    def copy(self) -> "Ledger":
        return Ledger(list(self.entities), list(self.associations), list(self.revisions), list(self.observations))

    def entity(self, urn: str) -> Kept[NewEntity] | None:
        return next((kept for kept in self.entities if kept.urn == urn), None)

    def association(self, part: NewAssociation) -> Kept[NewAssociation] | None:
        return next((kept for kept in self.associations if identity(kept.part) == identity(part)), None)

    def known_from(self, urn: str) -> int:
        """The earliest time of an entity and its revisions."""
        entities = [kept.occurred_at for kept in self.entities if kept.urn == urn]
        return min([*entities, *(kept.occurred_at for kept in self.revisions_of(urn))])

    def revisions_of(self, urn: str) -> list[Kept[NewRevision]]:
        return [kept for kept in self.revisions if kept.urn == urn]


class ValidatedBatch:
    """A batch validated against a ledger at a time: its new parts, its problems, and the ledger that would follow."""

    def __init__(self, ledger: Ledger, batch: Batch, urns: list[str], at: int, by: str) -> None:
        self.ledger, self.at, self.by = ledger.copy(), at, by
        self.problems: list[Problem] = []
        self.places = {kept.place for kept in ledger.observations}
        self.entities = [self._entity(*each) for each in zip(batch.entities, urns, range(len(urns)), strict=True)]
        self.associations = [self._association(each, index) for index, each in enumerate(batch.associations)]
        self.sequences = [self._revision(each, index) for index, each in enumerate(batch.revisions)]
        """The sequence number of each revision, negative where it stood before, 0 where refused or an idle sighting."""
        self.observations = [self._observation(each, index) for index, each in enumerate(batch.observations)]

    @property
    def is_new(self) -> bool:
        revised = any(number > 0 for number in self.sequences)
        return any(self.entities) or any(self.associations) or revised or any(self.observations)

    def _entity(self, entity: NewEntity, urn: str, index: int) -> bool:
        stands = self.ledger.entity(urn)
        if stands is not None:
            again = entity_form(_settled(entity, stands.occurred_at))
            self._compare(urn, again, entity_form(stands.part), ("entities", index))
            return False
        part = _settled(entity, self.at)
        self.ledger.entities.append(Kept(part, urn, 0, self.at, self.by, digest(entity_form(part))))
        return True

    def _association(self, association: NewAssociation, index: int) -> bool:
        ends = {"source": association.source, "destination": association.destination}
        if self._are_missing(ends, ("associations", index)):
            return False
        stands = self.ledger.association(association)
        if stands is not None:
            time = stands.part.occurred_at if association.occurred_at is None else association.occurred_at
            again = association_form(replace(association, occurred_at=time))
            name = f"{association.source} {association.type} {association.destination}"
            self._compare(name, again, association_form(stands.part), ("associations", index))
            return False
        kept = Kept(association, "", 0, self.at, self.by, digest(association_form(association)))
        self.ledger.associations.append(kept)
        return True

    def _revision(self, revision: NewRevision, index: int) -> int:
        named = {"entity": revision.entity}
        if revision.superseded_by is not None:
            named["supersededBy"] = revision.superseded_by
        if self._are_missing(named, ("revisions", index)):
            return 0
        earlier = self.ledger.revisions_of(revision.entity)
        alike = [kept.sequence for kept in earlier if _is_same_change(kept.part, revision)]
        if alike:
            return -alike[0]
        part, sequence = _settled(revision, self.at), len(earlier) + 1
        if _is_sighting(part) and (part.occurred_at or 0) >= self.ledger.known_from(revision.entity):
            return 0
        entity = self.ledger.entity(revision.entity)
        assert entity is not None
        form = revision_form(part, entity.digest, earlier[-1].digest if earlier else None, sequence)
        self.ledger.revisions.append(Kept(part, revision.entity, sequence, self.at, self.by, digest(form)))
        return sequence

    def _observation(self, observation: NewObservation, index: int) -> bool:
        if self._are_missing({"entity": observation.entity}, ("observations", index)):
            return False
        at = self.at if observation.occurred_at is None else observation.occurred_at
        value = 0.0 if observation.value == 0 else float(observation.value)
        new = Observed(replace(observation, value=value, occurred_at=at), self.at, self.by)
        if new.place in self.places:
            return False
        self.places.add(new.place)
        self.ledger.observations.append(new)
        return True

    def _compare(self, name: str, form: dict[str, object], standing: dict[str, object], path: Path) -> None:
        if fields := differing_fields(form, standing):
            sentence = (
                f"{name} is recorded with other content, and recorded content never changes. It differs in: "
                f"{', '.join(fields)}. Append a revision, or record a new version."
            )
            self.problems.append(Problem(ProblemCode.IMMUTABLE_CONFLICT, sentence, path, fields))

    def _are_missing(self, named: dict[str, str], path: Path) -> bool:
        missing = {word: urn for word, urn in named.items() if self.ledger.entity(urn) is None}
        for word, urn in missing.items():
            sentence = f"{urn} is not recorded: record it first, or in the same batch."
            self.problems.append(Problem(ProblemCode.NOT_FOUND, sentence, (*path, word)))
        return bool(missing)


def _settled(part: Part, occurred_at: int) -> Part:
    return replace(part, occurred_at=occurred_at) if part.occurred_at is None else part


def _is_sighting(revision: NewRevision) -> bool:
    return revision_set_form(revision) == {} and not revision.removed


def _is_same_change(left: NewRevision, right: NewRevision) -> bool:
    return (
        left.occurred_at == right.occurred_at
        and set(left.removed) == set(right.removed)
        and revision_set_form(left) == revision_set_form(right)
    )
