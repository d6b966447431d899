"""Resolution of the entity references, by id or urn, in the inputs of mutations."""

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
    """The id of a reference, or of its urn."""
    return entity_id(ref.urn) if ref.urn else str(ref.id)


class Refs:
    """The references of one mutation, to entities of its batch or recorded before."""

    def __init__(self, context: Context, urns: Sequence[str]) -> None:
        self._context = context
        self._urns: dict[str, str] = {entity_id(urn): urn for urn in urns}
        self._problems: list[Problem] = []
        self.groups_by_id: dict[str, EntityGroups] = {}
        """By id, the groups of the referenced and the batch's entities that are recorded."""

    async def look_up(self, refs: Sequence[Any]) -> None:
        """Read the groups of all references, and the urns of those that the caller may read. One round trip."""
        named = [ref_id(ref) for ref in refs]
        self.groups_by_id = await entity_groups(self._context, [*self._urns, *named])
        scope = self._context.authorizer.scope
        for id, groups in self.groups_by_id.items():
            if scope.entity_scope(groups.groups, groups.kind).is_readable:
                self._urns.setdefault(id, groups.urn)

    def urn(self, ref: Any, path: tuple[str | int, ...]) -> str:
        """The urn of a reference; where no entity has its id, notes a problem and returns an empty text."""
        if ref.urn:
            return str(ref.urn)
        if ref.id not in self._urns:
            self._context.missed([ref.id])
            sentence = f"No entity has the id {str(ref.id)[:64]!r}: record it first, or in the same batch."
            self._problems.append(Problem(ProblemCode.NOT_FOUND, sentence, path))
        return self._urns.get(ref.id, "")

    def refuse(self) -> None:
        """Raise BatchRefused where `urn` noted problems."""
        if self._problems:
            raise BatchRefused(tuple(self._problems))


async def named(context: Context, ref: Any, kind: EntityKind, field: str) -> Entity:
    """The referenced entity of a kind. Raises BatchRefused where the caller may read none or it is of another kind."""
    view, id = context.view(), ref_id(ref)
    found = await context.loaders.entity.load((view, id))
    if found is None:
        # It may have been recorded since the request began, also by this request.
        view = View(view.scope, AsOf((await context.store.newest()).recorded_at))
        (found,) = await context.store.entities(view, [id])
    if found is None:
        raise _absent(context, ref, field)
    _check_kind(found.urn, found.kind, kind, field)
    return found


def referenced_groups(
    context: Context, groups_by_id: Mapping[str, EntityGroups], ref: Any, kind: EntityKind, field: str
) -> EntityGroups:
    """The groups of the referenced entity of a kind. Raises as `named`."""
    found = groups_by_id.get(ref_id(ref))
    if found is None or not is_readable(context, found):
        raise _absent(context, ref, field)
    _check_kind(found.urn, found.kind, kind, field)
    return found


def is_readable(context: Context, groups: EntityGroups | None) -> bool:
    """Whether an entity is recorded and the caller may read it."""
    return groups is not None and context.authorizer.scope.entity_scope(groups.groups, groups.kind).is_readable


def _absent(context: Context, ref: Any, field: str) -> BatchRefused:
    context.missed([ref_id(ref)])
    sentence = not_recorded(ref.urn) if ref.urn else f"No entity has the id {str(ref.id)[:64]!r}: record it first."
    return BatchRefused((Problem(ProblemCode.NOT_FOUND, sentence, (field,)),))


def _check_kind(urn: str, found: EntityKind, wanted: EntityKind, field: str) -> None:
    if found is not wanted:
        sentence = f"{urn} is of kind {found}: give one of kind {wanted}."
        raise BatchRefused((Problem(ProblemCode.INVALID_VALUE, sentence, (field,)),))
