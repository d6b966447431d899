"""The interface that the errors of all mutations have in common."""

from typing import Any

import strawberry
from graphql import GraphQLResolveInfo


@strawberry.interface(
    description="Reason why a mutation changed nothing, which its caller can expect and correct. Each mutation has "
    "a type of its own for its errors, with the codes that it gives."
)
class UserError:
    message: str = strawberry.field(description="What is wrong and what to do about it, in a sentence for people.")
    path: list[str] = strawberry.field(
        description='Path of the wrong value in the arguments, for example `["input", "entities", "0", "name"]`.'
    )

    @classmethod
    def is_type_of(cls, record: Any, info: GraphQLResolveInfo[Any]) -> bool:
        """True: a mutation returns errors of its own type only, as plain records."""
        return True
