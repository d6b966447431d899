"""All that is known in one call of one view."""

from dataclasses import dataclass
from typing import Self

from lineal.graphstore.gremlin.client import GremlinClient
from lineal.graphstore.gremlin.edge_cache import EdgeCache
from lineal.graphstore.gremlin.entity_scopes import EntityScopes
from lineal.graphstore.gremlin.hidden_neighbours import HiddenNeighbours
from lineal.graphstore.gremlin.match_cache import MatchCache
from lineal.graphstore.gremlin.record_cache import RecordCache
from lineal.graphstore.gremlin.revision_cache import RevisionCache
from lineal.graphstore.gremlin.snapshots import Snapshot
from lineal.graphstore.gremlin.urn_cache import UrnCache
from lineal.graphstore.gremlin.visibility import Visibility
from lineal.graphstore.records import View


@dataclass(frozen=True, slots=True)
class ViewCaches:
    """What the view shows, and the caches of what has been fetched of it: filled by a prefetcher, read by a reader."""

    visibility: Visibility
    scopes: EntityScopes
    records: RecordCache
    edges: EdgeCache
    hidden: HiddenNeighbours
    matches: MatchCache

    @classmethod
    def of(cls, client: GremlinClient, view: View, snapshot: Snapshot, urns: UrnCache) -> Self:
        """Empty caches."""
        visibility = Visibility(view, snapshot)
        scopes = EntityScopes(visibility.scope_steps)
        records = RecordCache(visibility, scopes, RevisionCache(visibility, client.wait), urns)
        return cls(
            visibility,
            scopes,
            records,
            EdgeCache(visibility, scopes, records),
            HiddenNeighbours(visibility),
            MatchCache(visibility, records),
        )
