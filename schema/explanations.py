"""Explanations of access decisions."""

import strawberry

from lineal.schema.groups import LineageGroup


@strawberry.type(description="Decision of one lineage group on the action.")
class GroupExplanation:
    group: LineageGroup = strawberry.field(description="Lineage group of the entity.")
    is_allowed: bool = strawberry.field(description="Whether the group's policy or a share of it allows the action.")
    is_forbidden: bool = strawberry.field(
        description="Whether the group's policy forbids the action, which wins over everything that allows it."
    )
    policies: list[str] = strawberry.field(
        description="Policies of the group that decided, by `@id` or else by position: `policy0`."
    )
    shares: list[str] = strawberry.field(description="Ids of the shares of the group that allow the action.")
    reasons: list[str] = strawberry.field(description="Reasons for the group's decision, in sentences.")


@strawberry.type(description="Whether a principal may perform an action on an entity, with the reasons.")
class AccessExplanation:
    is_allowed: bool = strawberry.field(description="Whether the principal may perform the action.")
    groups: list[GroupExplanation] = strawberry.field(
        description="Decision of each lineage group that the entity is in."
    )
    reasons: list[str] = strawberry.field(description="Reasons for the decision, in sentences.")
