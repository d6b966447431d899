"""Suggestions for URNs that name no entity that the caller may see: a similar URN that it may see.

The searches are the caller's own, under its scope, so that a hidden entity and an absent one get the same suggestion.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final
from urllib.parse import unquote

from lineal.graphstore.deadlines import deadline
from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.queries import NEWEST_FIRST, EntityFilter, Find, StringFilter
from lineal.graphstore.records import View
from lineal.graphstore.urns import NotAUrn, entity_id, make_urn, name_problem, parse_urn
from lineal.resolvers.context import Context

MOST_SUGGESTED: Final = 3
"""Number of URNs of one request that get a search for a suggestion."""
MOST_WARNINGS: Final = 20
"""Number of absent references of one request that get a warning."""
_LONGEST_SHOWN: Final = 600
_SECONDS: Final = 0.5
_LONGEST_COMPARED: Final = 200
_SHORTEST_COMPARED: Final = 4
_CANDIDATES: Final = 50
_CLOSE: Final = 0.8
"""Least ratio of `difflib` at which a name counts as another one mistyped."""
_PIECE: Final = 3
"""Characters that an index needs to find a part of a text."""


async def warn_of_absent(context: Context, view: View, names: Sequence[str], path: Sequence[str | int]) -> None:
    """Warn of each URN or id that names nothing in the view, so that the null at the path explains itself."""
    ids = [entity_id(name) if ":" in name else name for name in names]
    entities = await context.loaders.entity.load_many([(view, id) for id in ids])
    for name, entity in zip(names, entities, strict=True):
        if entity is None and len(context.warnings) < MOST_WARNINGS:
            suggested = await similar_urn(context, view, name) if ":" in name else None
            message = f"{name[:_LONGEST_SHOWN]} names no entity that you may read."
            message += "" if suggested is None else f" Did you mean {suggested}?"
            warning = {"code": "NOT_FOUND", "message": message, "path": list(path), "named": name}
            context.warnings.append({**warning, "suggestion": suggested})


async def did_you_mean(context: Context, view: View, urn: str) -> str:
    """The end of a message about an absent URN: ` Did you mean ...?`, or nothing where no URN is similar."""
    suggested = await similar_urn(context, view, urn)
    return "" if suggested is None else f" Did you mean {suggested}?"


async def similar_urn(context: Context, view: View, urn: str) -> str | None:
    """The URN of an entity in the view that may be meant by an absent URN; None where the short search finds none."""
    if context.suggested >= MOST_SUGGESTED:
        return None
    context.suggested += 1
    try:
        account, kind, name, version = parse_urn(urn)
        with deadline(_SECONDS):
            return (
                await _written_otherwise(context, view, account, kind, name, version)
                or await _of_the_name(context, view, account, kind, name)
                or await _mistyped(context, view, account, kind, name)
            )
    except (NotAUrn, LimitExceeded):
        return None


async def _written_otherwise(
    context: Context, view: View, account: str, kind: EntityKind, name: str, version: str | None
) -> str | None:
    """The URN of an entity under another encoding, an `@` of the name, the caller's own account, or another kind."""
    joined = name if version is None else f"{name}@{version}"
    ways = [make_urn(account, kind, joined, None), make_urn(context.principal.account, kind, name, version)]
    if not name_problem(decoded := unquote(name)):
        ways.insert(0, make_urn(account, kind, decoded, version))
    ways += [make_urn(account, each, name, version) for each in EntityKind if each is not EntityKind.RESTRICTED]
    entities = await context.store.entities(view, [entity_id(way) for way in dict.fromkeys(ways)])
    return next((each.urn for each in entities if each is not None), None)


async def _of_the_name(context: Context, view: View, account: str, kind: EntityKind, name: str) -> str | None:
    """The URN of another version, or of a name that differs in case only."""
    same = EntityFilter(kind=(kind,), account=(account,), name=StringFilter(eq=name, ignore_case=True))
    (page,) = await context.store.find([Find(view, same, NEWEST_FIRST, _CANDIDATES)])
    return next((entity.urn for entity in sorted(page.items, key=lambda entity: entity.name != name)), None)


async def _mistyped(context: Context, view: View, account: str, kind: EntityKind, name: str) -> str | None:
    """The URN of the most similar name, of the names that share its beginning or its end."""
    if not _SHORTEST_COMPARED <= len(name) <= _LONGEST_COMPARED:
        return None
    half = len(name) // 2
    halves = [EntityFilter(name=StringFilter(starts_with=name[:half]))]
    if len(name) - half >= _PIECE:
        halves.append(EntityFilter(name=StringFilter(contains=name[half:])))
    (page,) = await context.store.find(
        [Find(view, EntityFilter(kind=(kind,), account=(account,), or_=tuple(halves)), NEWEST_FIRST, _CANDIDATES)]
    )
    urns = {entity.name: entity.urn for entity in reversed(page.items) if len(entity.name) <= 2 * _LONGEST_COMPARED}
    close = get_close_matches(name, urns, n=1, cutoff=_CLOSE)
    return urns[close[0]] if close else None
