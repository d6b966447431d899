"""Resolution of the entity references, by id or urn, in the inputs of mutations."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from strawberry import UNSET

from lineal.graphstore.errors import BatchRefused, Problem, ProblemCode, not_recorded
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.records import AsOf, Entity, View
from lineal.graphstore.store import EntityGroups
from lineal.graphstore.urns import NotAUrn, canonical_urn, entity_id
from lineal.resolvers.context import Context
from lineal.resolvers.errors import BadInput
from lineal.resolvers.suggestions import did_you_mean
from lineal.resolvers.write_permissions import entity_groups


def urn_argument(text: str) -> str:
    """The URN that an argument of a read states, as it is recorded. Raises BadInput."""
    try:
        return canonical_urn(text)
    except NotAUrn as error:
        raise BadInput(str(error)) from None


def id_argument(ref: Any) -> str:
    """The id of a reference, or of its URN, in an argument of a read. Raises BadInput for an invalid URN."""
    return entity_id(urn_argument(ref.urn)) if ref.urn is not UNSET else str(ref.id)


def name_argument(ref: Any) -> str:
    """The URN of a reference in an argument of a read, as it is recorded, or its id. Raises as `id_argument`."""
    return urn_argument(ref.urn) if ref.urn is not UNSET else str(ref.id)


def ref_id(ref: Any, *path: str | int) -> str:
    """The id of a reference, or of its URN, in the input of a mutation. Raises BatchRefused for an invalid URN."""
    return entity_id(_ref_urn(ref, path)) if ref.urn is not UNSET else str(ref.id)


def _ref_urn(ref: Any, path: tuple[str | int, ...]) -> str:
    try:
        return canonical_urn(ref.urn)
    except NotAUrn as error:
        raise BatchRefused((Problem(ProblemCode.INVALID_VALUE, f"{error}.", path),)) from None


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
        named = []
        for ref in refs:
            with suppress(BatchRefused):  # `urn` notes the problem, with its path
                named.append(ref_id(ref))
        self.groups_by_id = await entity_groups(self._context, [*self._urns, *named])
        scope = self._context.authorizer.scope
        for id, groups in self.groups_by_id.items():
            if scope.entity_scope(groups.groups, groups.kind).is_readable:
                self._urns.setdefault(id, groups.urn)

    def urn(self, ref: Any, path: tuple[str | int, ...]) -> str:
        """The urn of a reference; where it names none, notes a problem and returns an empty text."""
        if ref.urn is not UNSET:
            try:
                return _ref_urn(ref, path)
            except BatchRefused as refused:
                self._problems += refused.problems
                return ""
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
    view, id = context.view(), ref_id(ref, field)
    entity = await context.loaders.entity.load((view, id))
    if entity is None:
        # It may have been recorded since the request began, also by this request.
        view = View(view.scope, AsOf((await context.store.newest()).recorded_at))
        (entity,) = await context.store.entities(view, [id])
    if entity is None:
        raise await _absent(context, ref, field)
    _check_kind(entity.urn, entity.kind, kind, field)
    return entity


async def referenced_groups(
    context: Context, groups_by_id: Mapping[str, EntityGroups], ref: Any, kind: EntityKind, field: str
) -> EntityGroups:
    """The groups of the referenced entity of a kind. Raises as `named`."""
    groups = groups_by_id.get(ref_id(ref, field))
    if groups is None or not is_readable(context, groups):
        raise await _absent(context, ref, field)
    _check_kind(groups.urn, groups.kind, kind, field)
    return groups


def is_readable(context: Context, groups: EntityGroups | None) -> bool:
    """Whether an entity is recorded and the caller may read it."""
    return groups is not None and context.authorizer.scope.entity_scope(groups.groups, groups.kind).is_readable


async def _absent(context: Context, ref: Any, field: str) -> BatchRefused:
    context.missed([ref_id(ref)])
    if ref.urn is UNSET:
        sentence = f"No entity has the id {str(ref.id)[:64]!r}: record it first."
    else:
        urn = _ref_urn(ref, (field,))
        sentence = not_recorded(urn) + await did_you_mean(context, context.view(), urn)
    return BatchRefused((Problem(ProblemCode.NOT_FOUND, sentence, (field,)),))


def _check_kind(urn: str, actual: EntityKind, wanted: EntityKind, field: str) -> None:
    if actual is not wanted:
        sentence = f"{urn} is of kind {actual}: give one of kind {wanted}."
        raise BatchRefused((Problem(ProblemCode.INVALID_VALUE, sentence, (field,)),))
