"""What a caller refers to by id or urn: of a batch or recorded before, or where it must be of a certain kind."""

from collections.abc import Mapping, Sequence
from typing import Any

from lineal.graphstore.errors import BatchRefused, Problem, ProblemCode, not_recorded
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.records import AsOf, Entity, View
from lineal.graphstore.store import EntityGroups
from lineal.graphstore.urns import entity_id
from lineal.resolvers.context import Context
from lineal.resolvers.write_permissions import entity_groups


def ref_id(ref: Any) -> str:
    """The id that a reference gives, or that its urn has."""
    return entity_id(ref.urn) if ref.urn else str(ref.id)


class Refs:
    """References to entities, each by id or urn, of the batch or recorded before."""

    def __init__(self, context: Context, urns: Sequence[str]) -> None:
        self._context = context
        self._urns: dict[str, str] = {entity_id(urn): urn for urn in urns}
        self._problems: list[Problem] = []
        self.places: dict[str, EntityGroups] = {}
        """Where the batch's entities and all that is referred to stand, by id."""

    async def look_up(self, refs: Sequence[Any]) -> None:
        """Learn where everything stands, and of what may be read the urns, in one read."""
        named = [ref_id(ref) for ref in refs]
        self.places = await entity_groups(self._context, [*self._urns, *named])
        scope = self._context.authorizer.scope
        for id, place in self.places.items():
            if scope.entity_scope(place.groups, place.kind).is_readable:
                self._urns.setdefault(id, place.urn)

    def urn(self, ref: Any, path: tuple[str | int, ...]) -> str:
        """The urn of a reference; a problem is noted where there is none."""
        if ref.urn:
            return str(ref.urn)
        if ref.id not in self._urns:
            self._context.missed([ref.id])
            sentence = f"No entity has the id {str(ref.id)[:64]!r}: record it first, or in the same batch."
            self._problems.append(Problem(ProblemCode.NOT_FOUND, sentence, path))
        return self._urns.get(ref.id, "")

    def refuse(self) -> None:
        """Raise BatchRefused where a reference led nowhere."""
        if self._problems:
            raise BatchRefused(tuple(self._problems))


async def named(context: Context, ref: Any, kind: EntityKind, field: str) -> Entity:
    """The entity that a reference names, of a kind. Raises BatchRefused where there is none to be seen."""
    view, id = context.view(), ref_id(ref)
    found = await context.loaders.entity.load((view, id))
    if found is None:
        # It may have been recorded since the request began, by this very request too.
        view = View(view.scope, AsOf((await context.store.newest()).recorded_at))
        (found,) = await context.store.entities(view, [id])
    if found is None:
        raise _absent(context, ref, field)
    _check_kind(found.urn, found.kind, kind, field)
    return found


def standing(
    context: Context, places: Mapping[str, EntityGroups], ref: Any, kind: EntityKind, field: str
) -> EntityGroups:
    """Where what a reference names stands, as `named`."""
    found = places.get(ref_id(ref))
    if found is None or not is_readable(context, found):
        raise _absent(context, ref, field)
    _check_kind(found.urn, found.kind, kind, field)
    return found


def is_readable(context: Context, place: EntityGroups | None) -> bool:
    """Whether something stands, and the caller may read it."""
    return place is not None and context.authorizer.scope.entity_scope(place.groups, place.kind).is_readable


def _absent(context: Context, ref: Any, field: str) -> BatchRefused:
    context.missed([ref_id(ref)])
    sentence = not_recorded(ref.urn) if ref.urn else f"No entity has the id {str(ref.id)[:64]!r}: record it first."
    return BatchRefused((Problem(ProblemCode.NOT_FOUND, sentence, (field,)),))


def _check_kind(urn: str, found: EntityKind, wanted: EntityKind, field: str) -> None:
    if found is not wanted:
        sentence = f"{urn} is of kind {found}: give one of kind {wanted}."
        raise BatchRefused((Problem(ProblemCode.INVALID_VALUE, sentence, (field,)),))
