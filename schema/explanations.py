"""Why something may, or may not, be done."""

import strawberry

from lineal.schema.groups import LineageGroup


@strawberry.type(description="What one lineage group says of a question.")
class GroupExplanation:
    group: LineageGroup = strawberry.field(description="The group.")
    is_allowed: bool = strawberry.field(description="Whether it allows it, by its policy or a share.")
    is_forbidden: bool = strawberry.field(description="Whether its policy forbids it, which wins over all that allow.")
    policies: list[str] = strawberry.field(description="The policies of it that decided, by name.")
    shares: list[str] = strawberry.field(description="The shares of it that allow it, by id.")
    reasons: list[str] = strawberry.field(description="The same in sentences.")


@strawberry.type(description="Why something may, or may not, be done.")
class AccessExplanation:
    is_allowed: bool = strawberry.field(description="Whether it may be done.")
    groups: list[GroupExplanation] = strawberry.field(description="What each group the entity is in says of it.")
    reasons: list[str] = strawberry.field(description="The same in sentences.")
