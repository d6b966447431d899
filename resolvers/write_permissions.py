"""Whether a caller may write a batch, and what of the answer it may see.

Permissions are asked for on the groups an entity is in; one that is new, or new with the batch, is in its account's
default group. What stands and may not be read is told of as if it did not stand.

Deciding on a model version takes APPROVE on it, by whatever mutation an approval is tied to it. What an approval says
was decided is never revised: it would seem decided by who recorded it first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lineal.auth.access_store import AuditEntry
from lineal.auth.directive import checked
from lineal.auth.permissions import Permission
from lineal.auth.scopes import EntityScope, default_group
from lineal.graphstore.batches import Batch, NewObservation, NewRevision
from lineal.graphstore.errors import BatchRefused, Problem, ProblemCode, conflicting, conflicting_value, not_recorded
from lineal.graphstore.kinds import AssociationType, EntityKind
from lineal.graphstore.store import EntityGroups
from lineal.graphstore.urns import entity_id, make_urn
from lineal.graphstore.values import METRICS
from lineal.resolvers.context import Context
from lineal.resolvers.kind_fields import DECISION_KEYS

MOST_AUDITED: Final = 100
"""How many refusals of one batch go into the audit log."""


async def entity_groups(context: Context, ids: Iterable[str]) -> dict[str, EntityGroups]:
    """Where entities stand, of those ids that do, whoever may see them. One round trip."""
    asked = list(dict.fromkeys(ids))
    found = await context.store.entity_groups(asked) if asked else []
    return {id: place for id, place in zip(asked, found, strict=True) if place is not None}


@dataclass
class WriteAuthorization:
    """A batch that a caller wants written, judged. `places` is of all it names, by id; `urns` of its entities."""

    context: Context
    batch: Batch
    urns: Sequence[str]
    places: Mapping[str, EntityGroups]
    audit: list[AuditEntry] = field(default_factory=list)
    """What was allowed, for the log."""
    _denied: dict[tuple[Permission, str], AuditEntry] = field(default_factory=dict)
    _problems: list[Problem] = field(default_factory=list)
    _own: dict[str, EntityGroups] = field(default_factory=dict)
    """By id, where the batch's own entities stand, or will."""

    @classmethod
    async def asked(
        cls, context: Context, batch: Batch, urns: Sequence[str], places: Mapping[str, EntityGroups]
    ) -> "WriteAuthorization":
        """The permit of a batch. Raises BatchRefused where any part is not permitted; what was denied is in the log."""
        permit = cls(context, batch, urns, places)
        permit._judge()
        if permit._problems:
            await context.store.audit(list(permit._denied.values())[:MOST_AUDITED])
            raise BatchRefused(tuple(permit._problems))
        return permit

    def _judge(self) -> None:
        checked(Permission.RECORD, Permission.ASSOCIATE, Permission.APPROVE)
        for index, (urn, entity) in enumerate(zip(self.urns, self.batch.entities, strict=True)):
            new = EntityGroups(urn, entity.kind, entity.account, frozenset({default_group(entity.account)}))
            stands = self.places.get(entity_id(urn))
            self._own[entity_id(urn)] = stands or new
            if self._allows(Permission.RECORD, new, f"Recording in the account {entity.account}", "entities", index):
                self._refuse_unreadable(stands, index)
        for index, association in enumerate(self.batch.associations):
            ends = [
                self._own.get(entity_id(urn)) or self._readable(urn, "associations", index, side)
                for side, urn in (("source", association.source), ("destination", association.destination))
            ]
            self._judge_ends(association.type, ends[0], ends[1], index)
        for index, revision in enumerate(self.batch.revisions):
            revised = self._own.get(entity_id(revision.entity))
            revised = revised or self._readable(revision.entity, "revisions", index, "entity")
            if revised is not None:
                what, path = f"Revising {revision.entity}", ("revisions", index, "entity")
                if self._allows(Permission.RECORD, revised, what, *path) and revised.kind is EntityKind.APPROVAL:
                    self._refuse_redeciding(revision, index)
            if revision.superseded_by is not None and entity_id(revision.superseded_by) not in self._own:
                self._readable(revision.superseded_by, "revisions", index, "supersededBy")
        self._judge_observations()

    def _judge_observations(self) -> None:
        before = None
        for index, observation in enumerate(self.batch.observations):
            # Series come one after the other: the first observation of each stands for all of it.
            series = (observation.entity, observation.metric)
            if series == before:
                continue
            before = series
            observed = self._own.get(entity_id(observation.entity))
            observed = observed or self._readable(observation.entity, "observations", index, "entity")
            if observed is not None:
                path = ("observations", index, "entity")
                self._allows(Permission.RECORD, observed, f"Observing {observation.entity}", *path)

    def _refuse_redeciding(self, revision: NewRevision, index: int) -> None:
        given: list[tuple[tuple[str | int, ...], str]] = [
            (("properties", place, "key"), each.key) for place, each in enumerate(revision.properties)
        ]
        given += [(("removed", place), key) for place, key in enumerate(revision.removed)]
        for path, key in given:
            if key in DECISION_KEYS:
                sentence = f"{revision.entity} is a decision, whose {key} is not revised: decide again."
                self._problems.append(Problem(ProblemCode.INVALID_VALUE, sentence, ("revisions", index, *path)))

    def _judge_ends(
        self, type: AssociationType, source: EntityGroups | None, destination: EntityGroups | None, index: int
    ) -> None:
        is_decision = (
            type is AssociationType.ASSOCIATED_WITH
            and source is not None
            and source.kind is EntityKind.MODEL_VERSION
            and destination is not None
            and destination.kind is EntityKind.APPROVAL
        )
        for side, end in (("source", source), ("destination", destination)):
            if end is None:
                continue
            path = ("associations", index, side)
            if not is_decision:
                self._allows(Permission.ASSOCIATE, end, f"Associating {end.urn}", *path)
            elif side == "source":
                self._allows(Permission.APPROVE, end, f"Deciding on {end.urn}", *path)
            elif entity_id(end.urn) not in self._own:
                self._allows(Permission.ASSOCIATE, end, f"Associating {end.urn}", *path)

    def _refuse_unreadable(self, stands: EntityGroups | None, index: int) -> None:
        if stands is not None and not self.entity_scope(stands).is_readable:
            needed = f"{Permission.READ.shown} on it: ask an administrator of its account."
            sentence = f"{stands.urn} stands, and recording it again needs {needed}"
            self._refuse(Permission.READ, stands, (), sentence, ("entities", index))

    def _readable(self, urn: str, *path: str | int) -> EntityGroups | None:
        found = self.places.get(entity_id(urn))
        if found is not None and found.urn == urn and self.entity_scope(found).is_readable:
            return found
        self.context.missed([entity_id(urn)])
        self._problems.append(Problem(ProblemCode.NOT_FOUND, not_recorded(urn), path))
        return None

    def _allows(self, permission: Permission, place: EntityGroups, what: str, *path: str | int) -> bool:
        decision = self.context.authorizer.decide(permission, place.groups, place.kind)
        if decision.is_allowed:
            self._note(permission, place, decision.policies)
        else:
            sentence = f"{what} needs {permission.shown} on it: ask an administrator of its account."
            self._refuse(permission, place, decision.policies, sentence, path)
        return decision.is_allowed

    def _note(self, permission: Permission, place: EntityGroups, policies: tuple[str, ...]) -> None:
        entry = self._entry(permission, place.account, "GROUP", default_group(place.account), True, policies)
        if entry not in self.audit:
            self.audit.append(entry)

    def _refuse(
        self,
        permission: Permission,
        place: EntityGroups,
        policies: tuple[str, ...],
        sentence: str,
        path: tuple[str | int, ...],
    ) -> None:
        self._denied[permission, place.urn] = self._entry(
            permission, place.account, "ENTITY", place.urn, False, policies
        )
        self._problems.append(Problem(ProblemCode.FORBIDDEN, sentence, path))

    def _entry(
        self,
        permission: Permission,
        account: str,
        resource_kind: str,
        resource: str,
        is_allowed: bool,
        policies: tuple[str, ...],
    ) -> AuditEntry:
        principal = self.context.principal
        accounts = tuple(dict.fromkeys((account, principal.account)))
        who, request = principal.shown, self.context.request_id
        return AuditEntry(accounts, who, permission, resource_kind, resource, is_allowed, policies, request)

    def entity_scope(self, place: EntityGroups) -> EntityScope:
        """What the caller sees of an entity where it stands."""
        return self.context.authorizer.scope.entity_scope(place.groups, place.kind)

    def _sight_of(self, id: str) -> EntityScope:
        return self.entity_scope(self._own.get(id) or self.places[id])

    def shown_problem(self, problem: Problem) -> Problem:
        """A problem as the caller may be told of it: a conflict does not name fields that are hidden to it."""
        if problem.code is not ProblemCode.IMMUTABLE_CONFLICT:
            return problem
        part, index = problem.path[0], int(problem.path[1])
        if part == "observations":
            return self._shown_observation(problem, self.batch.observations[index])
        if part == "entities":
            name, sights = self.urns[index], [self._sight_of(entity_id(self.urns[index]))]
        else:
            association = self.batch.associations[index]
            name = f"{association.source} {association.type} {association.destination}"
            sights = [self._sight_of(entity_id(urn)) for urn in (association.source, association.destination)]
        told = [field for field in problem.differing if not any(_hides(entity_scope, field) for entity_scope in sights)]
        return replace(problem, message=conflicting(name, told), differing=tuple(told))

    def _shown_observation(self, problem: Problem, observation: NewObservation) -> Problem:
        if not self._sight_of(entity_id(observation.entity)).hides(METRICS + observation.metric):
            return problem
        sentence = conflicting_value(observation.metric, observation.entity, None)
        return replace(problem, message=sentence, differing=())


def _hides(entity_scope: EntityScope, field: str) -> bool:
    return field.startswith("properties.") and entity_scope.hides(field.removeprefix("properties."))


async def permitted(context: Context, batch: Batch) -> list[AuditEntry]:
    """Ask for the permit of a batch that was not looked into; gives what of it goes into the audit log.

    Raises BatchRefused.
    """
    urns = [make_urn(each.account, each.kind, each.name, each.version) for each in batch.entities]
    named = [*urns, *(end for each in batch.associations for end in (each.source, each.destination))]
    named += [revision.entity for revision in batch.revisions]
    named += [observation.entity for observation in batch.observations]
    places = await entity_groups(context, map(entity_id, named))
    return (await WriteAuthorization.asked(context, batch, urns, places)).audit
