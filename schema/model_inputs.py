"""Inputs of the registration and review of model versions."""

import strawberry
from strawberry import UNSET

from lineal.resolvers.kind_fields import ReviewDecision
from lineal.schema.inputs import EntityRef, PropertyInput
from lineal.schema.scalars import DateTime


@strawberry.input(
    description="Reference to a model group: set exactly one of `name`, `id` and `urn`. A group named by "
    "`name` is created in the caller's account where it does not exist.",
    one_of=True,
)
class ModelGroupRef:
    name: str | None = strawberry.field(default=UNSET, description="Name of a group of the caller's account.")
    id: strawberry.ID | None = strawberry.field(default=UNSET, description="Id of the group.")
    urn: str | None = strawberry.field(default=UNSET, description="URN of the entity.")


@strawberry.input(description="A model to register as the next version of a group.")
class ModelVersionRegisterInput:
    group: ModelGroupRef = strawberry.field(description="Group to register the model in.")
    model: EntityRef = strawberry.field(description="Model to register.")
    description: str | None = strawberry.field(
        default=None, description="Description of the entity, as its recorder wrote it; null where it has none."
    )
    tags: list[str] | None = strawberry.field(default=None, description="Tags of the version.")
    properties: list[PropertyInput] | None = strawberry.field(
        default=None,
        description="Typed properties of the version, each key at most once. The key `registration` is reserved.",
    )
    occurred_at: DateTime | None = strawberry.field(
        default=None, description="Time of the registration; the time of recording by default."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Key that makes the request safe to repeat: within 24 hours, the same request with the same "
        "key by the same principal writes nothing more and returns the first answer.",
    )


@strawberry.input(description="A decision on a model version.")
class ModelVersionReviewInput:
    version: EntityRef = strawberry.field(description="The model version.")
    decision: ReviewDecision = strawberry.field(description="The decision.")
    reason: str | None = strawberry.field(default=None, description="Reason for the decision, in the reviewer's words.")
    occurred_at: DateTime | None = strawberry.field(
        default=None, description="Time of the decision; the time of recording by default."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Key that makes the request safe to repeat: within 24 hours, the same request with the same "
        "key by the same principal writes nothing more and returns the first answer.",
    )
