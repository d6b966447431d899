"""The names of the root fields that list the entities of one kind."""

from typing import Final

from lineal.graphstore.kinds import EntityKind


def plural(kind: EntityKind) -> str:
    """The plural of a kind in lower case, for example `trial components`."""
    words = kind.lower().replace("_", " ")
    if words.endswith("s"):
        return words
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


LIST_NAMES: Final = {kind: plural(kind).replace(" ", "_") for kind in EntityKind if kind is not EntityKind.RESTRICTED}
"""The Python name of the root field by kind; its GraphQL name is the same in camel case."""


def graphql_name(kind: EntityKind) -> str:
    """The GraphQL name of the root field of a kind, for example `trialComponents`."""
    first, *words = plural(kind).split()
    return first + "".join(map(str.capitalize, words))
