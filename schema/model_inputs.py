"""What callers give to register model versions, and to decide on them."""

import strawberry
from strawberry import UNSET

from lineal.resolvers.kind_fields import ReviewDecision
from lineal.schema.inputs import EntityRef, PropertyInput
from lineal.schema.scalars import DateTime


@strawberry.input(
    description="A model group, by exactly one of its name, its id and its URN. One of the viewer's own account, given "
    "by its name, is made where there is none.",
    one_of=True,
)
class ModelGroupRef:
    name: str | None = strawberry.field(default=UNSET, description="Its name in the viewer's own account.")
    id: strawberry.ID | None = strawberry.field(default=UNSET, description="Its id.")
    urn: str | None = strawberry.field(default=UNSET, description="Its URN.")


@strawberry.input(description="A model to register under the next number of a group.")
class ModelVersionRegisterInput:
    group: ModelGroupRef = strawberry.field(description="The group.")
    model: EntityRef = strawberry.field(description="The model.")
    description: str | None = strawberry.field(default=None, description="Prose.")
    tags: list[str] | None = strawberry.field(default=None, description="Words the version is marked with.")
    properties: list[PropertyInput] | None = strawberry.field(
        default=None, description="Typed properties of the version, each key once; `registration` is taken."
    )
    occurred_at: DateTime | None = strawberry.field(
        default=None, description="When it was registered; the time of recording unless given."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Makes a repeat of this request within 24 hours answer as the first did, and write nothing more.",
    )


@strawberry.input(description="A decision on a model version.")
class ModelVersionReviewInput:
    version: EntityRef = strawberry.field(description="The version.")
    decision: ReviewDecision = strawberry.field(description="The decision.")
    reason: str | None = strawberry.field(default=None, description="Why.")
    occurred_at: DateTime | None = strawberry.field(
        default=None, description="When it was decided; the time of recording unless given."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Makes a repeat of this request within 24 hours answer as the first did, and write nothing more.",
    )
