"""GraphQL arguments that several fields share, with their descriptions."""

from typing import Annotated

import strawberry

from lineal.schema.inputs import AsOf as AsOfInput
from lineal.schema.inputs import AssociationFilter, EntityFilter, EntityOrder

First = Annotated[int | None, strawberry.argument(description="Number of items a page, 1 to 100.")]
RelatedFirst = Annotated[
    int | None,
    strawberry.argument(
        description="Number of items a page, 1 to 100. The default is small, so that lists nested in lists stay within "
        "the limit on an answer's values."
    ),
]
LineageFirst = Annotated[int | None, strawberry.argument(description="Number of items a page, 1 to 1000.")]
After = Annotated[
    str | None,
    strawberry.argument(
        description="The `endCursor` of the previous page, which was asked for with the same arguments."
    ),
]
Depth = Annotated[
    int | None,
    strawberry.argument(description="Greatest distance, in associations: 1 is direct. Unlimited by default."),
]
Where = Annotated[
    EntityFilter | None,
    strawberry.argument(
        description="Condition on the reached entities that are returned and counted. It never stops the "
        "traversal: `stopAt` does."
    ),
]
StopAt = Annotated[
    EntityFilter | None,
    strawberry.argument(
        description="Condition on entities beyond which the traversal does not continue. An entity that matches "
        "is still reached."
    ),
]
Via = Annotated[
    AssociationFilter | None,
    strawberry.argument(description="Condition on the associations that the traversal may cross, at every hop."),
]
FirstHop = Annotated[
    AssociationFilter | None,
    strawberry.argument(
        description="Condition, besides `via`, on the associations that leave the starts, and on no others: the models "
        'trained on a dataset are its descendants with `firstHop: {role: {eq: "train"}}`.'
    ),
]
Causal = Annotated[
    bool | None,
    strawberry.argument(
        description="Whether to reach only what could have flowed: each association no earlier than the one before it, "
        "as far as times are recorded. Without it, a dataset that is written again and again connects everything that "
        "ever read it with everything that ever wrote it."
    ),
]
EntityWhere = Annotated[
    EntityFilter | None, strawberry.argument(description="Condition on the entities; all by default.")
]
ComponentWhere = Annotated[
    EntityFilter | None,
    strawberry.argument(
        description="Condition on the components and jobs of a trial: one of them must match. For example the trials "
        'with a learning rate above 0.1: `{property: [{key: "hyperparameters.learning_rate", gt: 0.1}]}`. Matching '
        "more than 5,000 components is an error."
    ),
]
Search = Annotated[
    str | None,
    strawberry.argument(
        description="Full-text search: every word of it must begin a word of the entity's title, name, version, type, "
        "description, tags, source URI, string properties or the texts within JSON properties. Case does not matter."
    ),
]
OrderBy = Annotated[EntityOrder | None, strawberry.argument(description="Order of the entities; by URN by default.")]
AsOf = Annotated[
    AsOfInput | None,
    strawberry.argument(
        description="Times to answer as of, for this field and all fields nested in it that do not set their own "
        "`asOf`."
    ),
]
