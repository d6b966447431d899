"""The interface that the errors of all mutations have in common."""

from typing import Any

import strawberry
from graphql import GraphQLResolveInfo


@strawberry.interface(
    description="Reason why a mutation changed nothing: an error that a caller can expect and correct. Each "
    "mutation has an error type of its own, with its own codes."
)
class UserError:
    message: str = strawberry.field(description="The problem and its remedy, in a sentence for people.")
    path: list[str] = strawberry.field(
        description='Path of the wrong value in the arguments, for example `["input", "entities", "0", "name"]`.'
    )

    @classmethod
    def is_type_of(cls, record: Any, info: GraphQLResolveInfo[Any]) -> bool:
        """True: a mutation returns errors of its own type only, as plain records."""
        return True
