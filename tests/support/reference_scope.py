"""What a scope shows, entity by entity: enumerated over everything that stands, with no regard to speed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from lineal.auth.permissions import Permission
from lineal.auth.scopes import Boundary, Grant, GroupRule, Scope
from lineal.graphstore.records import RESTRICTED_URN, Association, Entity, Restricted, Revision, View
from lineal.graphstore.urns import association_id, entity_id

EVER = 10**9


@dataclass(frozen=True)
class Eye:
    """What one scope lets be done with an entity in some groups, of some kind."""

    scope: Scope
    groups: frozenset[str]
    kind: str

    @property
    def rules(self) -> list[GroupRule]:
        return [self.scope.rules[group] for group in self.groups if group in self.scope.rules]

    def grants(self, permission: Permission) -> list[Grant]:
        for rule in self.rules:
            if permission in rule.forbidden:
                return []
        grants = []
        for rule in self.rules:
            for grant in rule.grants:
                if permission in grant.permissions and (grant.kinds is None or self.kind in grant.kinds):
                    grants.append(grant)
        return grants

    @property
    def reads(self) -> bool:
        return self.scope.everything or bool(self.grants(Permission.READ))

    def hides(self, key: str) -> bool:
        if self.scope.everything:
            return False
        return all(key in grant.redacted for grant in self.grants(Permission.READ_PROPERTIES))

    @property
    def hides_some(self) -> bool:
        """Whether any key there could be is hidden."""
        named = {key for rule in self.rules for grant in rule.grants for key in grant.redacted}
        return any(self.hides(key) for key in named | {"a key that nobody named"})

    def crosses(self, direction: str, distance: int) -> bool:
        if self.scope.everything:
            return True
        return self.reads and any(
            (grant.directions is None or direction in grant.directions)
            and (grant.depth is None or distance < grant.depth)
            for grant in self.grants(Permission.TRAVERSE)
        )

    @property
    def boundary(self) -> Boundary:
        boundaries = {rule.boundary for rule in self.rules}
        for strict in (Boundary.CUT, Boundary.BRIDGE, Boundary.MASK):
            if strict in boundaries:
                return strict
        return Boundary.CUT

    @property
    def tells(self) -> bool:
        """Whether each group that withholds it tells."""
        for group in self.groups:
            rule = self.scope.rules.get(group, GroupRule(group))
            gives = any(
                Permission.READ in grant.permissions and (grant.kinds is None or self.kind in grant.kinds)
                for grant in rule.grants
            )
            if (not gives or Permission.READ in rule.forbidden) and not rule.tells_withheld:
                return False
        return True


@dataclass
class Seen:
    """The graph as a scope shows it. Nodes are named by the urns they are shown by; hidden ones by their own."""

    entities: dict[str, Entity | Restricted] = field(default_factory=dict)
    associations: list[Association] = field(default_factory=list)
    """Those that show."""
    links: list[Association] = field(default_factory=list)
    """Bare ones to, from and between what is not shown."""
    eyes: dict[str, Eye] = field(default_factory=dict)
    """By the name of the node."""
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By the id of an association, the times at which it may have carried something."""

    @property
    def readable(self) -> dict[str, Entity]:
        return {urn: each for urn, each in self.entities.items() if isinstance(each, Entity)}


def without_hidden(entity: Entity, eye: Eye) -> Entity:
    if not eye.hides_some:
        return entity
    return replace(entity, digest=None, properties=tuple(p for p in entity.properties if not eye.hides(p.key)))


def revisions_shown(revisions: list[Revision], eye: Eye, occurred_at: int) -> list[Revision]:
    """All revisions of an entity whose record has a time, in the order recorded, as they show."""
    if not eye.hides_some:
        return revisions
    shown: list[Revision] = []
    for revision in revisions:
        left = replace(
            revision,
            properties=tuple(p for p in revision.properties if not eye.hides(p.key)),
            removed=tuple(key for key in revision.removed if not eye.hides(key)),
            digest=None,
            sequence=len(shown) + 1,
        )
        nothing = (left.status, left.tags, left.description, left.title, left.superseded_by) == (None,) * 5
        again = [replace(each, sequence=0, rank=0, recorded_at=0, recorded_by="") for each in shown]
        said_before = replace(left, sequence=0, rank=0, recorded_at=0, recorded_by="") in again
        before = [occurred_at, *(each.occurred_at for each in shown)]
        if (left.properties or left.removed or not nothing or left.occurred_at < min(before)) and not said_before:
            shown.append(left)
    return shown


def seen(
    entities: dict[str, Entity],
    associations: list[Association],
    view: View,
    groups: Callable[[str], frozenset[str]],
) -> Seen:
    """What shows of all entities, with everything folded in, and all associations of a view."""
    graph = Seen()
    names = {}
    for urn, entity in entities.items():
        eye = Eye(view.scope, groups(urn), entity.kind)
        name = urn
        if eye.reads:
            graph.entities[urn] = without_hidden(entity, eye)
        elif eye.boundary is Boundary.MASK:
            masked = Restricted(view.scope.masked_id(entity.id), view)
            name = masked.urn
            graph.entities[name] = masked
        names[urn] = name
        graph.eyes[name] = eye
    bare = {}
    for association in associations:
        ends = (names[association.source_urn], names[association.destination_urn])
        eyes = [graph.eyes[name] for name in ends]
        if all(eye.reads for eye in eyes):
            kept = tuple(p for p in association.properties if not any(eye.hides(p.key) for eye in eyes))
            digest = None if any(eye.hides_some for eye in eyes) else association.digest
            graph.associations.append(replace(association, properties=kept, digest=digest))
        else:
            bare[(*ends, association.type)] = _bare(association, ends, view)
    for association in bare.values():
        shows = association.source_urn in graph.entities and association.destination_urn in graph.entities
        (graph.associations if shows else graph.links).append(association)
    graph.associations.sort(key=lambda a: (a.source_urn, a.destination_urn, a.type, a.role or ""))
    return graph


def _bare(association: Association, names: tuple[str, str], view: View) -> Association:
    whole = association_id(association.source_urn, association.destination_urn, association.type, None)
    source, destination = (
        (name.removeprefix(RESTRICTED_URN) if name.startswith(RESTRICTED_URN) else entity_id(name), name)
        for name in names
    )
    id = view.scope.masked_id(whole)
    return Association(id, *source, *destination, association.type, None, (), None, None, "restricted", None, view)
