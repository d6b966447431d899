"""Registering model versions, and deciding on them."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.resolvers import model_registration, model_review
from lineal.schema.entities import Info
from lineal.schema.enums import ModelVersionRegisterErrorCode, ModelVersionReviewErrorCode
from lineal.schema.model_inputs import ModelVersionRegisterInput, ModelVersionReviewInput
from lineal.schema.models import Approval, ModelVersion


@strawberry.type(description="Why a modelVersionRegister wrote nothing.")
class ModelVersionRegisterError:
    code: ModelVersionRegisterErrorCode = strawberry.field(description="What kind of problem.")
    message: str = strawberry.field(description="What is wrong, and what to do.")
    path: list[str] = strawberry.field(description="Where in the input it lies.")


@strawberry.type(description="Why a modelVersionReview wrote nothing.")
class ModelVersionReviewError:
    code: ModelVersionReviewErrorCode = strawberry.field(description="What kind of problem.")
    message: str = strawberry.field(description="What is wrong, and what to do.")
    path: list[str] = strawberry.field(description="Where in the input it lies.")


@strawberry.type(description="What became of a modelVersionRegister.")
class ModelVersionRegisterPayload:
    model_version: ModelVersion | None = strawberry.field(
        description="The version; null where nothing was written, or it may not be read."
    )
    is_new: bool = strawberry.field(description="Whether this request wrote it.")
    user_errors: list[ModelVersionRegisterError] = strawberry.field(
        description="Why nothing was written; empty where it was."
    )


@strawberry.type(description="What became of a modelVersionReview.")
class ModelVersionReviewPayload:
    approval: Approval | None = strawberry.field(
        description="The decision as recorded; null where nothing was written, or it may not be read."
    )
    is_new: bool = strawberry.field(description="Whether this request wrote it.")
    user_errors: list[ModelVersionReviewError] = strawberry.field(
        description="Why nothing was written; empty where it was."
    )


@strawberry.type(description="What can be done with the versions of models.")
class ModelMutations:
    @strawberry.mutation(
        description="Registers a model in a group: records a version under the group's next number, tied to the group "
        "and the model, and the group where there is none. No two registrations share a number. Takes "
        "`lineage:Associate` on the group and the model, too.",
        **access(Permission.RECORD),
    )
    async def model_version_register(
        self, info: Info, input: Annotated[ModelVersionRegisterInput, strawberry.argument(description="The version.")]
    ) -> ModelVersionRegisterPayload:
        return await model_registration.model_version_register(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Decides on a model version: records an approval, tied to it. Nothing is taken back; the latest "
        "decision counts. Takes `lineage:Record` in the version's account, too.",
        **access(Permission.APPROVE),
    )
    async def model_version_review(
        self, info: Info, input: Annotated[ModelVersionReviewInput, strawberry.argument(description="The decision.")]
    ) -> ModelVersionReviewPayload:
        return await model_review.model_version_review(info.context, input)  # type: ignore[return-value]
