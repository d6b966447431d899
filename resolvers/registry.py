"""Reads of the model registry: versions by number, decisions by time."""

from asyncio import gather
from collections.abc import Iterator, Sequence
from typing import Final

from lineal.graphstore.records import Entity
from lineal.resolvers.context import Context
from lineal.resolvers.cursors import VersionPosition, as_of_cursor
from lineal.resolvers.kind_fields import ReviewDecision, decision, number
from lineal.resolvers.newest_first import newest
from lineal.resolvers.pages import MOST, Connection, checked_first, connection, counts_of
from lineal.resolvers.related import (
    APPROVALS_OF_VERSION,
    GROUP_OF_VERSION,
    VERSIONS_OF_GROUP,
    all_related,
)

_FIRST_LOOK: Final = 10
"""Number of newest versions that the first search for an approved one reads; each later one reads ten times more."""


async def versions(context: Context, group: Entity, first: int | None, after: str | None) -> Connection[Entity]:
    """A page of the versions of a group: the greatest number first, then those without a number, by urn."""
    view, size = group.view, checked_first(first, 20, MOST)
    page_cursors, position = context.cursors("versions", view, group.id), None
    if after is not None:
        page_cursors, position = page_cursors.read(after, VersionPosition)
        view = as_of_cursor(view, page_cursors)
    in_order = sorted(await all_related(context, view, group.id, VERSIONS_OF_GROUP), key=_place_of_version)
    rest = [
        version for version in in_order if position is None or _place_of_version(version) > _key_of_version(position)
    ]
    return connection(
        rest[:size],
        lambda version: page_cursors.make(VersionPosition(number(version), version.urn)),
        len(rest) > size,
        len(in_order),
        counts_of(in_order),
    )


async def group(context: Context, version: Entity) -> Entity | None:
    """The group of a version: of several, the one with its account and name, else the first by urn."""
    groups = await all_related(context, version.view, version.id, GROUP_OF_VERSION)
    own = (version.account, version.name)
    return min(groups, key=lambda group: ((group.account, group.name) != own, group.urn), default=None)


async def latest_approved(context: Context, group: Entity) -> Entity | None:
    """The version with the greatest number whose latest decision is APPROVED."""
    versions = await all_related(context, group.view, group.id, VERSIONS_OF_GROUP)
    numbered = sorted((each for each in versions if number(each) is not None), key=_place_of_version)
    for candidates in _growing(numbered):
        latest = await gather(*(newest(context, version, APPROVALS_OF_VERSION) for version in candidates))
        for version, decided in zip(candidates, latest, strict=True):
            if decided is not None and decision(decided) is ReviewDecision.APPROVED:
                return version
    return None


def _growing(versions: Sequence[Entity]) -> Iterator[Sequence[Entity]]:
    start, size = 0, _FIRST_LOOK
    while start < len(versions):
        yield versions[start : start + size]
        start, size = start + size, size * 10


def _place_of_version(version: Entity) -> tuple[float, str]:
    return _key_of_version(VersionPosition(number(version), version.urn))


def _key_of_version(position: VersionPosition) -> tuple[float, str]:
    return (float("inf") if position.number is None else -position.number), position.urn
