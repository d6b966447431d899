"""GraphQL arguments that several fields share, with their descriptions."""

from typing import Annotated

import strawberry

from lineal.schema.inputs import AsOf as AsOfInput
from lineal.schema.inputs import AssociationFilter, EntityFilter, EntityOrder

First = Annotated[int | None, strawberry.argument(description="Greatest number of items on the page, 1 to 100.")]
RelatedFirst = Annotated[
    int | None,
    strawberry.argument(
        description="Greatest number of items on the page, 1 to 100. The default is small, so that lists nested "
        "in lists stay within the limit on an answer's values."
    ),
]
LineageFirst = Annotated[
    int | None, strawberry.argument(description="Greatest number of items on the page, 1 to 1000.")
]
After = Annotated[
    str | None,
    strawberry.argument(
        description="`endCursor` of the previous page, requested with the same arguments; the first page by default."
    ),
]
Depth = Annotated[
    int | None,
    strawberry.argument(
        description="Greatest distance to reach, in associations: 1 reaches only direct neighbours. Unlimited by "
        "default."
    ),
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
        description="Condition on entities at which the traversal stops: it reaches an entity that matches, and "
        "does not continue beyond it."
    ),
]
Via = Annotated[
    AssociationFilter | None,
    strawberry.argument(
        description="Condition on the associations that the traversal may cross, at every hop; all by default."
    ),
]
AssociationWhere = Annotated[
    AssociationFilter | None, strawberry.argument(description="Condition on the associations; all by default.")
]
FirstHop = Annotated[
    AssociationFilter | None,
    strawberry.argument(
        description="Additional condition on the first hop: an association that leaves a start must match both "
        "`via` and this, any other only `via`. For example, the models trained on a dataset are its "
        'descendants with `firstHop: {role: {eq: "train"}}`.'
    ),
]
Causal = Annotated[
    bool | None,
    strawberry.argument(
        description="Whether to follow only paths along which data could have flowed: read downstream, each "
        "association is no earlier than the one before it, as far as times are recorded. Without "
        "this, a dataset that is rewritten repeatedly connects everything that ever read it with "
        "everything that ever wrote it."
    ),
]
EntityWhere = Annotated[
    EntityFilter | None, strawberry.argument(description="Condition on the entities to return; all by default.")
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
        description="Point in time at which this field is read, with all fields nested in it that do not set "
        "their own `asOf`; that of the enclosing field by default, and now for a root field."
    ),
]
