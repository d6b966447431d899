"""Review of model versions."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lineal.graphstore.batches import Batch, NewAssociation, NewEntity
from lineal.graphstore.checks import checked_urns
from lineal.graphstore.errors import BatchRefused
from lineal.graphstore.kinds import AssociationType, EntityKind, PropertyType
from lineal.graphstore.records import Entity
from lineal.graphstore.urns import entity_id, make_urn
from lineal.graphstore.values import Property
from lineal.resolvers.context import Context
from lineal.resolvers.idempotency import recorded_by_batch
from lineal.resolvers.kind_fields import ReviewDecision
from lineal.resolvers.recording import (
    ProblemPath,
    UserError,
    idempotency_of,
    sized_fingerprint,
    user_errors_at,
)
from lineal.resolvers.references import named
from lineal.resolvers.write_permissions import WriteAuthorization, entity_groups


@dataclass(frozen=True, slots=True)
class VersionReviewed:
    """Result of modelVersionReview."""

    approval: Entity | None = None
    is_new: bool = False
    user_errors: Sequence[UserError] = ()


async def model_version_review(context: Context, input: Any) -> VersionReviewed:
    """Record a decision on a model version."""
    try:
        version = await named(context, input.version, EntityKind.MODEL_VERSION, "version")
        properties = [Property("decision", PropertyType.STRING, ReviewDecision(input.decision).value)]
        if input.reason is not None:
            properties.append(Property("reason", PropertyType.STRING, input.reason))
        approval = NewEntity(
            version.account,
            EntityKind.APPROVAL,
            version.name,
            properties=tuple(properties),
            occurred_at=input.occurred_at,
        )
        fingerprint = sized_fingerprint("modelVersionReview", _review(approval, version.urn))
        batch = _review(replace(approval, version=secrets.token_urlsafe(16)), version.urn)
        urns = checked_urns(batch)
        authorization = await WriteAuthorization.of(
            context, batch, urns, await entity_groups(context, [version.id, *map(entity_id, urns)])
        )
        done = await context.store.record(
            batch,
            by=context.principal.shown,
            idempotency=idempotency_of(input.idempotency_key, fingerprint),
            returning=context.view().scope,
            audit=authorization.audit,
        )
        entity = done.entities[0]
        if input.idempotency_key is not None:
            entity = await recorded_by_batch(context, approval, done)
    except BatchRefused as refused:
        return VersionReviewed(user_errors=user_errors_at(refused.problems, _in_review))
    return VersionReviewed(entity, done.entities_are_new[0])


def _review(approval: NewEntity, version: str) -> Batch:
    urn = make_urn(approval.account, approval.kind, approval.name, approval.version)
    tie = NewAssociation(version, urn, AssociationType.ASSOCIATED_WITH, occurred_at=approval.occurred_at)
    return Batch((approval,), (tie,))


def _in_review(path: ProblemPath) -> ProblemPath:
    match path:
        case ("entities", 0, "properties", *_):
            return ("reason",)
        case ("associations", 0, "source"):
            return ("version",)
        case ("entities" | "associations", *_):
            return ()
    return path
