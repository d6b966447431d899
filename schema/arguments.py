"""Arguments that several fields take, described once."""

from typing import Annotated

import strawberry

from lineal.schema.inputs import AsOf as AsOfInput
from lineal.schema.inputs import AssociationFilter, EntityFilter, EntityOrder

First = Annotated[int, strawberry.argument(description="How many a page shall have, 1 to 100.")]
LineageFirst = Annotated[int, strawberry.argument(description="How many a page shall have, 1 to 1000.")]
After = Annotated[
    str | None, strawberry.argument(description="The `endCursor` of the page before, with the same arguments.")
]
Depth = Annotated[
    int | None,
    strawberry.argument(description="How many associations far at most: 1 is direct. All the way unless given."),
]
Where = Annotated[
    EntityFilter | None, strawberry.argument(description="Which of the reached are returned and counted; never prunes.")
]
StopAt = Annotated[
    EntityFilter | None,
    strawberry.argument(description="What the traversal does not go on past; itself it is reached."),
]
Via = Annotated[AssociationFilter | None, strawberry.argument(description="Which associations may be crossed.")]
EntityWhere = Annotated[EntityFilter | None, strawberry.argument(description="Which entities; all unless given.")]
Search = Annotated[
    str | None,
    strawberry.argument(
        description="Full text: each of its words begins a word of the entity's name, version, type, description, "
        "tags, source URI or text properties, whatever the case."
    ),
]
OrderBy = Annotated[EntityOrder | None, strawberry.argument(description="Their order; by URN unless given.")]
AsOf = Annotated[
    AsOfInput | None,
    strawberry.argument(
        description="Answer as of these times, this field and all that is nested in it, unless it is given again there."
    ),
]
