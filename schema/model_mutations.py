"""Registration and review of model versions."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.resolvers import model_registration, model_review
from lineal.schema.entities import Info
from lineal.schema.enums import ModelVersionRegisterErrorCode, ModelVersionReviewErrorCode
from lineal.schema.model_inputs import ModelVersionRegisterInput, ModelVersionReviewInput
from lineal.schema.models import Approval, ModelVersion
from lineal.schema.user_errors import UserError


@strawberry.type(description="Reason why `modelVersionRegister` wrote nothing.")
class ModelVersionRegisterError(UserError):
    code: ModelVersionRegisterErrorCode = strawberry.field(description="Code of the problem, for programs.")


@strawberry.type(description="Reason why `modelVersionReview` wrote nothing.")
class ModelVersionReviewError(UserError):
    code: ModelVersionReviewErrorCode = strawberry.field(description="Code of the problem, for programs.")


@strawberry.type(description="Result of `modelVersionRegister`.")
class ModelVersionRegisterPayload:
    model_version: ModelVersion | None = strawberry.field(
        description="The version; null where the request was refused or the caller may not read it."
    )
    is_new: bool = strawberry.field(description="Whether this request recorded it; false where it was recorded before.")
    user_errors: list[ModelVersionRegisterError] = strawberry.field(
        description="Reasons why the request was refused; empty where it was carried out."
    )


@strawberry.type(description="Result of `modelVersionReview`.")
class ModelVersionReviewPayload:
    approval: Approval | None = strawberry.field(
        description="The approval as recorded; null where the request was refused or the caller may not read it."
    )
    is_new: bool = strawberry.field(description="Whether this request recorded it; false where it was recorded before.")
    user_errors: list[ModelVersionReviewError] = strawberry.field(
        description="Reasons why the request was refused; empty where it was carried out."
    )


@strawberry.type(description="Registration and review of model versions.")
class ModelMutations:
    @strawberry.mutation(
        description="Registers a model in a group: records a version with the group's next number, associated "
        "with the group and the model, and creates the group where it does not exist. No two "
        "registrations get the same number. Also requires the permission ASSOCIATE on the group and "
        "the model.",
        **access(Permission.RECORD),
    )
    async def model_version_register(
        self,
        info: Info,
        input: Annotated[ModelVersionRegisterInput, strawberry.argument(description="The model version.")],
    ) -> ModelVersionRegisterPayload:
        return await model_registration.model_version_register(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Decides on a model version: records an approval and associates it with the version. "
        "Earlier decisions stay recorded; the latest one counts. Also requires the permission "
        "RECORD in the version's account.",
        **access(Permission.APPROVE),
    )
    async def model_version_review(
        self, info: Info, input: Annotated[ModelVersionReviewInput, strawberry.argument(description="The decision.")]
    ) -> ModelVersionReviewPayload:
        return await model_review.model_version_review(info.context, input)  # type: ignore[return-value]
