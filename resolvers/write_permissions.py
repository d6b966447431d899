"""Authorization of a batch of writes, and the errors of the batch that the caller may see.

A permission is decided on the groups that an entity is in; a new entity is in its account's default group. An entity
that exists but that the caller may not read gives the same error as one that does not exist.

Approving or rejecting a model version needs APPROVE on it, whichever mutation associates the approval. The decision of
an approval is never revised: the revised decision would appear to be that of the first recorder.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lineal.auth.access_store import AuditEntry
from lineal.auth.directive import checked
from lineal.auth.permissions import Permission
from lineal.auth.scopes import EntityScope, default_group
from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.errors import BatchRefused, Problem, ProblemCode, conflicting, not_recorded
from lineal.graphstore.kinds import AssociationType, EntityKind
from lineal.graphstore.store import EntityGroups
from lineal.graphstore.urns import entity_id, make_urn
from lineal.resolvers.context import Context
from lineal.resolvers.kind_fields import DECISION_KEYS
from lineal.resolvers.suggestions import did_you_mean

GROUPS_AT_ONCE: Final = 5_000
"""The most entities whose groups one call of the store reads."""


async def entity_groups(context: Context, ids: Iterable[str]) -> dict[str, EntityGroups]:
    """Return the groups of the entities that exist, by id, without regard to the caller's scope.

    One round trip for every GROUPS_AT_ONCE entities, so that other reads take turns.
    """
    unique = list(dict.fromkeys(ids))
    existing: dict[str, EntityGroups] = {}
    for begin in range(0, len(unique), GROUPS_AT_ONCE):
        chunk = unique[begin : begin + GROUPS_AT_ONCE]
        groups = await context.store.entity_groups(chunk)
        existing |= {id: entity for id, entity in zip(chunk, groups, strict=True) if entity is not None}
    return existing


@dataclass
class WriteAuthorization:
    """The authorization of a caller's batch.

    `urns` are those of the batch's entities. `recorded` holds, by id, the entities that the batch names and that exist.
    """

    context: Context
    batch: Batch
    urns: Sequence[str]
    recorded: Mapping[str, EntityGroups]
    audit: list[AuditEntry] = field(default_factory=list)
    """The allowed permissions, for the audit log."""
    _denied: dict[tuple[Permission, str], AuditEntry] = field(default_factory=dict)
    _problems: list[Problem] = field(default_factory=list)
    _absent: dict[int, str] = field(default_factory=dict)
    """By place among the problems, the URN that names nothing."""
    _own: dict[str, EntityGroups] = field(default_factory=dict)
    """By id, the groups of the batch's own entities: the recorded ones, or those of a new entity."""
    _noted: set[tuple[Permission, str, tuple[str, ...]]] = field(default_factory=set)
    """The permission, account and policies of each entry in `audit`."""

    @classmethod
    async def of(
        cls, context: Context, batch: Batch, urns: Sequence[str], recorded: Mapping[str, EntityGroups]
    ) -> "WriteAuthorization":
        """Authorize a batch. Raises BatchRefused if any part is denied, and logs the denied permissions."""
        authorization = cls(context, batch, urns, recorded)
        await context.compute(authorization._decide)
        await authorization._suggest()
        if authorization._problems:
            context.access_service.denials.note(tuple(authorization._denied.values()))
            raise BatchRefused(tuple(authorization._problems))
        return authorization

    def _decide(self) -> None:
        checked(Permission.RECORD, Permission.ASSOCIATE, Permission.APPROVE)
        for index, (urn, entity) in enumerate(zip(self.urns, self.batch.entities, strict=True)):
            new = EntityGroups(urn, entity.kind, entity.account, frozenset({default_group(entity.account)}))
            recorded = self.recorded.get(entity_id(urn))
            self._own[entity_id(urn)] = recorded or new
            if self._allows(Permission.RECORD, new, f"Recording in the account {entity.account}", "entities", index):
                self._refuse_unreadable(recorded, index)
        for index, association in enumerate(self.batch.associations):
            ends = [
                self._own.get(entity_id(urn)) or self._readable(urn, "associations", index, side)
                for side, urn in (("source", association.source), ("destination", association.destination))
            ]
            self._decide_on_ends(association.type, ends[0], ends[1], index)
        for index, revision in enumerate(self.batch.revisions):
            revised = self._own.get(entity_id(revision.entity))
            revised = revised or self._readable(revision.entity, "revisions", index, "entity")
            if revised is not None:
                attempt, path = f"Revising {revision.entity}", ("revisions", index, "entity")
                if self._allows(Permission.RECORD, revised, attempt, *path) and revised.kind is EntityKind.APPROVAL:
                    self._refuse_redeciding(revision, index)
            if revision.superseded_by is not None and entity_id(revision.superseded_by) not in self._own:
                self._readable(revision.superseded_by, "revisions", index, "supersededBy")
        self._decide_on_observations()

    def _decide_on_observations(self) -> None:
        before = None
        for index, observation in enumerate(self.batch.observations):
            # Observations are sorted by series, and the permission is the same for a whole series.
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
        keys: list[tuple[tuple[str | int, ...], str]] = [
            (("properties", position, "key"), revised.key) for position, revised in enumerate(revision.properties)
        ]
        keys += [(("removed", position), key) for position, key in enumerate(revision.removed)]
        for path, key in keys:
            if key in DECISION_KEYS:
                sentence = f"{revision.entity} is a decision, whose {key} is not revised: decide again."
                self._problems.append(Problem(ProblemCode.INVALID_VALUE, sentence, ("revisions", index, *path)))

    def _decide_on_ends(
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

    def _refuse_unreadable(self, recorded: EntityGroups | None, index: int) -> None:
        if recorded is not None and not self.entity_scope(recorded).is_readable:
            needed = f"{Permission.READ.shown} on it: ask an administrator of its account."
            sentence = f"{recorded.urn} is recorded already, and recording it again needs {needed}"
            self._refuse(Permission.READ, recorded, (), sentence, ("entities", index))

    def _readable(self, urn: str, *path: str | int) -> EntityGroups | None:
        entity = self.recorded.get(entity_id(urn))
        if entity is not None and entity.urn == urn and self.entity_scope(entity).is_readable:
            return entity
        self.context.missed([entity_id(urn)])
        self._absent[len(self._problems)] = urn
        self._problems.append(Problem(ProblemCode.NOT_FOUND, not_recorded(urn), path))
        return None

    async def _suggest(self) -> None:
        view = self.context.view() if self._absent else None
        for index, urn in self._absent.items():
            if view is not None and (more := await did_you_mean(self.context, view, urn)):
                problem = self._problems[index]
                self._problems[index] = replace(problem, message=problem.message + more)

    def _allows(self, permission: Permission, entity: EntityGroups, attempt: str, *path: str | int) -> bool:
        decision = self.context.authorizer.decide(permission, entity.groups, entity.kind)
        if decision.is_allowed:
            self._note(permission, entity, decision.policies)
        else:
            sentence = f"{attempt} needs {permission.shown} on it: ask an administrator of its account."
            self._refuse(permission, entity, decision.policies, sentence, path)
        return decision.is_allowed

    def _note(self, permission: Permission, entity: EntityGroups, policies: tuple[str, ...]) -> None:
        if (permission, entity.account, policies) in self._noted:
            return
        self._noted.add((permission, entity.account, policies))
        group = default_group(entity.account)
        self.audit.append(self._entry(permission, entity.account, "GROUP", group, True, policies))

    def _refuse(
        self,
        permission: Permission,
        entity: EntityGroups,
        policies: tuple[str, ...],
        sentence: str,
        path: tuple[str | int, ...],
    ) -> None:
        self._denied[permission, entity.urn] = self._entry(
            permission, entity.account, "ENTITY", entity.urn, False, policies
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
        name, request = principal.shown, self.context.request_id
        return AuditEntry(accounts, name, permission, resource_kind, resource, is_allowed, policies, request)

    def entity_scope(self, entity: EntityGroups) -> EntityScope:
        """Return the part of the scope that applies to an entity."""
        return self.context.authorizer.scope.entity_scope(entity.groups, entity.kind)

    def _entity_scope_of(self, id: str) -> EntityScope:
        return self.entity_scope(self._own.get(id) or self.recorded[id])

    def shown_problem(self, problem: Problem) -> Problem:
        """Return a problem as the caller may see it: a conflict does not name fields that the caller may not see."""
        if problem.code is not ProblemCode.IMMUTABLE_CONFLICT:
            return problem
        part, index = problem.path[0], int(problem.path[1])
        if part == "entities":
            name, scopes = self.urns[index], [self._entity_scope_of(entity_id(self.urns[index]))]
        else:
            association = self.batch.associations[index]
            name = f"{association.source} {association.type} {association.destination}"
            scopes = [self._entity_scope_of(entity_id(urn)) for urn in (association.source, association.destination)]
        shown = [field for field in problem.differing if not any(_hides(scope, field) for scope in scopes)]
        return replace(problem, message=conflicting(name, shown), differing=tuple(shown))


def _hides(entity_scope: EntityScope, field: str) -> bool:
    return field.startswith("properties.") and entity_scope.hides(field.removeprefix("properties."))


async def authorize(context: Context, batch: Batch) -> list[AuditEntry]:
    """Authorize a batch and return its entries for the audit log. Raises BatchRefused."""
    urns, ids = await context.compute(_named, batch)
    recorded = await entity_groups(context, ids)
    return (await WriteAuthorization.of(context, batch, urns, recorded)).audit


def _named(batch: Batch) -> tuple[list[str], list[str]]:
    """Return the URNs of a batch's entities, and the ids of all entities that it names."""
    urns = [make_urn(entity.account, entity.kind, entity.name, entity.version) for entity in batch.entities]
    named = dict.fromkeys(urns)
    for association in batch.associations:
        named[association.source] = named[association.destination] = None
    named |= dict.fromkeys(revision.entity for revision in batch.revisions)
    named |= dict.fromkeys(observation.entity for observation in batch.observations)
    return urns, [entity_id(urn) for urn in named]
