"""The store contract: what every engine does, to the letter, and what it never does.

Every engine gives the same answers in the same order; the conformance suite in `tests/graphstore` runs over all of them
and over a reference model. What holds for every verb:

- **Plural.** A read verb takes several questions and answers them in their order, in one round trip to the engine (or
  as many as the verb says). No questions: no answers, and no round trip. The same question twice is answered twice.
- **A view.** Every question carries its view: a scope and a moment. What was recorded or occurred after the moment is
  as if it were not there, and so is what the scope does not show: an entity that is not readable, an association
  either end of which is not, a property key that is hidden, in records, filters, counts, pages, keys and exports
  alike. A metric `m` is hidden where the property key `metrics.m` is.
  Which groups an entity is in is today's, whatever the moment. Of the entities that are not readable, walks and the
  associations of an entity show those whose boundary is MASK, as `Restricted`.
- **Filters on what is restricted.** A filter on entities that names nothing but kinds holds for a restricted one as of
  kind RESTRICTED; any other does not, whatever it says. A filter on associations sees one beside a hidden end as it
  would be shown: without role, properties and times.
- **Existence.** What was heard of at a time existed then. So an entity as read has the earliest `occurred_at` of its
  record and of those of its revisions that were recorded by the view's moment, whatever keys are hidden; and it exists
  in a view when it was recorded, and occurred in this sense, no later than the view's moment. An association exists
  where both its ends do and it was recorded; with an `occurred_at` of its own, from then on. Without one it is shown
  with the later of its ends', and filters take that. A revision exists where it itself does, and so its entity; an
  observation where it itself and its entity do.
- **As read.** An entity is its record with the revisions of the view folded in by (occurred_at, rank, sequence): later
  ones win; what a revision sets, it sets, and the keys it names in `removed` are gone until set again. Within one
  revision removal comes first. A status that a revision of rank 1 sets does not count where one of rank 2 in the view
  sets another, whatever their times: the clocks of those who sent them may differ.
- **Order** is total, by code point for text; ties by urn.
- **Failure.** Any verb may raise Unavailable: the engine cannot be reached in time. It is never an empty answer.
- **Limits.** Engines do not judge page sizes or counts of questions: callers do.

Times are microseconds since 1970-01-01T00:00:00Z. Ids are those of `urns.entity_id`.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self

from lineal.auth.access_store import AccessChange, AccessDelta, AuditEntry, AuditPage, AuditQuestion
from lineal.auth.scopes import Scope
from lineal.graphstore.batches import Batch, Idempotency, NewPart, Recorded
from lineal.graphstore.kinds import EntityKind, IncompleteReason
from lineal.graphstore.quarantine import Quarantined, QuarantineLimits, QuarantinePage, QuarantineQuestion
from lineal.graphstore.queries import (
    UNMEASURED,
    AssociationsOf,
    BucketsOf,
    Find,
    HistoryOf,
    MetricsOf,
    PropertyKeys,
    Reach,
    ReachAssociations,
    ReachPosition,
    SeriesOf,
)
from lineal.graphstore.records import Association, Bucket, Entity, Metric, Observation, Restricted, Revision, View


class Durability(StrEnum):
    """When a batch counts as written.

    POWER_LOSS: it survives one. CRASH: it survives the death of the process, but the newest batches may be lost, whole,
    with the machine's power. For bulk loads, which can be repeated.
    """

    POWER_LOSS = "POWER_LOSS"
    CRASH = "CRASH"


@dataclass(frozen=True, slots=True)
class EntityPage:
    """A page of entities. `total` and `counts` are of all matches in the view, on every page; no count is zero."""

    items: tuple[Entity, ...]
    total: int
    counts: Mapping[EntityKind, int]
    has_next: bool


@dataclass(frozen=True, slots=True)
class AssociationPage:
    """A page of associations in the order (source urn, destination urn, type, role), no role before any role."""

    items: tuple[Association, ...]
    total: int
    has_next: bool


@dataclass(frozen=True, slots=True)
class RevisionPage:
    """A page of revisions in the order they fold in."""

    items: tuple[Revision, ...]
    total: int
    has_next: bool


@dataclass(frozen=True, slots=True)
class SeriesPage:
    """A page of observations in the order (step, occurred_at, value)."""

    items: tuple[Observation, ...]
    total: int
    has_next: bool


@dataclass(frozen=True, slots=True)
class Reached:
    """An entity that a walk reached, with its least distance.

    `path` is one shortest path, from a start outwards, and empty unless asked for. Among shortest paths, going back
    from the entity, each step takes the predecessor with the least (urn, type, role), no role before any role, and of
    two associations alike in these but opposite in direction the one with the lesser source urn. Where BOTH reaches an
    entity as ascendant and as descendant at one distance, the predecessors of both are compared.
    `distance` is None, and there is no path, where it is reached only across hidden entities.
    """

    entity: Entity | Restricted
    distance: int | None
    path: tuple[Association, ...] = ()

    @property
    def position(self) -> ReachPosition:
        """Its place in the order of what is reached."""
        return ReachPosition(UNMEASURED if self.distance is None else self.distance, self.entity.urn)


@dataclass(frozen=True, slots=True)
class ReachPage:
    """A page of what a walk reached, in the order (distance, urn).

    `total` and `counts` are of all matches, on every page, or of the matches visited so far where `reasons` holds
    VISIT_LIMIT or DEADLINE. `visited` counts the entities the walk from the starts reached so far, matching or not,
    each once (for INTERSECTION before combining; what is walked from the excluded does not count, nor what is hidden
    and not shown). `withheld` counts the hidden entities that the walk met and does not show, where no limit cut it, it
    met some, and every group that withholds one lets it be told; else it is None. `end` is where a
    next page goes on: the last item, or, where a limit cut the walk and every match so far is given, the last position
    visited; None where there is nothing to go on from. `has_next`: there are more matches, or a limit cut the walk.
    """

    items: tuple[Reached, ...]
    total: int
    counts: Mapping[EntityKind, int]
    has_next: bool
    end: ReachPosition | None
    reasons: frozenset[IncompleteReason]
    visited: int
    cut_at: ReachPosition | None = None
    """The last position visited, where a limit cut the walk; what lies beyond is in no count."""
    withheld: int | None = None


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest state: the `recorded_at` of the newest visible batch (0 for none), and the access epoch."""

    recorded_at: int
    epoch: int


@dataclass(frozen=True, slots=True)
class EntityGroups:
    """An entity that stands, whoever may see it, and the groups it is in."""

    urn: str
    kind: EntityKind
    account: str
    groups: frozenset[str]


class Store(ABC):
    """One engine, open. Made by `graphstore.open_store`; closed by `close`, or as an async context manager."""

    # -- writing -----------------------------------------------------------------------------------------------------

    @abstractmethod
    async def record(
        self,
        batch: Batch,
        *,
        by: str,
        idempotency: Idempotency | None = None,
        durability: Durability = Durability.POWER_LOSS,
        returning: Scope | None = None,
        audit: Sequence[AuditEntry] = (),
    ) -> Recorded:
        """Write a batch whole, or nothing of it; the one verb that writes lineage.

        All parts get one `recorded_at`, later than every batch visible before, and `by` as their recorder. A part
        without `occurred_at` gets `recorded_at` for it, but for an association, which then has none. When this returns,
        the batch survives as `durability` says, and every read that begins afterwards, in any process, sees it.

        - An entity or association whose identity stands already with the same content changes nothing. One given
          without `occurred_at` matches what stands, whatever stands there; with one, it must be equal, so that one
          which stands without is in conflict. The same identity twice in one batch is judged alike: the second against
          the first.
        - A revision equal in `occurred_at`, set and removed to one that stands changes nothing, whatever its rank; one
          without `occurred_at` is always new. A revision that sets and removes nothing is a sighting: it is new where
          nothing else lets its entity be known from its time on, and changes nothing otherwise. Sequence numbers count
          from 1 for each entity, in the order recorded. The entities of a batch count as recorded before its
          associations, and those before its revisions.
        - The identity of an observation is all of it: entity, metric, step, `occurred_at` and value. The same again
          changes nothing. One without `occurred_at` is new, but for another of its batch. A value of -0 is 0, and NaN
          is equal to itself.
        - An empty batch, or one with nothing new, writes nothing and `recorded_at` is None.
        - A batch written with POWER_LOSS, even an empty one, makes those before it survive a power loss too.
        - `returning` adds the records as read at the newest moment under that scope, in the batch's order.
        - `audit` is appended to the audit log where the batch is not refused, new or not.

        Raises BatchRefused, with every problem that can be told at once, in the batch's order: INVALID_VALUE, TOO_LARGE
        and SELF_ASSOCIATION (as `checks.checked_urns` finds them, before the store is asked), NOT_FOUND (an end of an
        association, a revised or observed entity, or a superseding one, neither stands nor is in the batch),
        IMMUTABLE_CONFLICT (naming the fields that differ), IDEMPOTENCY_MISMATCH.

        A repeat under an idempotency key of the last 24 hours with the same fingerprint, by the same principal, writes
        nothing and answers as the first sending was answered, even if racing with it; a batch that was refused leaves
        no trace of its key.

        Raises OutcomeUnknown where a commit failed so that the batch may or may not be there.
        """

    # -- the moment --------------------------------------------------------------------------------------------------

    @abstractmethod
    async def watermark(self) -> int:
        """The `recorded_at` of the newest visible batch; 0 where nothing was ever recorded. One round trip."""

    @abstractmethod
    async def newest(self) -> Newest:
        """The watermark and the access epoch. One round trip."""

    # -- reading -----------------------------------------------------------------------------------------------------

    @abstractmethod
    async def entities(self, view: View, ids: Sequence[str]) -> list[Entity | None]:
        """The entities of the ids, in their order; None where one does not exist in the view, or is no id at all."""

    @abstractmethod
    async def find(self, questions: Sequence[Find]) -> list[EntityPage]:
        """Pages of the entities that match, each in its question's order.

        Raises LimitExceeded where the order is by a property and more than 100,000 match. One more round trip where
        very many entities bear a name that is asked for, and one where a page goes on in another order than by urn.
        """

    @abstractmethod
    async def associations(self, questions: Sequence[AssociationsOf]) -> list[AssociationPage]:
        """Pages of the associations of single entities. An entity that does not exist in the view has none.

        One more round trip where associations have properties.
        """

    @abstractmethod
    async def history(self, questions: Sequence[HistoryOf]) -> list[RevisionPage]:
        """Pages of revisions. An entity that does not exist in the view has none."""

    @abstractmethod
    async def metrics(self, questions: Sequence[MetricsOf]) -> list[tuple[Metric, ...]]:
        """The metrics that entities have observations of, by name; none of one that does not exist in the view."""

    @abstractmethod
    async def series(self, questions: Sequence[SeriesOf]) -> list[SeriesPage]:
        """Pages of the observations of single metrics. An entity that does not exist in the view has none."""

    @abstractmethod
    async def buckets(self, questions: Sequence[BucketsOf]) -> list[tuple[Bucket, ...]]:
        """Series in buckets, in their order; no buckets where there are no observations in the view."""

    @abstractmethod
    async def property_keys(self, question: PropertyKeys) -> list[str]:
        """The first keys, by code point, that any entity of the kind in the view was ever recorded or revised with."""

    @abstractmethod
    async def reach(self, questions: Sequence[Reach]) -> list[ReachPage | None]:
        """Pages of what walks reach; None where a start, or one excluded, does not exist in the view.

        A walk reaches the entities at distance 1 or more from its starts, each once, with its least distance, however
        many paths lead there and whatever cycles there are. An association leads from source to destination for
        DESCENDANTS, from destination to source for ASCENDANTS; a SAME_AS leads both ways, in both. BOTH is the union of
        the two walks. CONNECTED follows every association both ways from every entity, and never reaches its starts.

        - A start is reached only from another start, or round a cycle; a SAME_AS never counts as reaching a start.
        - Starts are always expanded. What matches `stop_at` is reached and not expanded. What lies at `depth` is
          reached and not expanded; a depth of 0 reaches nothing.
        - `via` filters the associations that are crossed, at every hop; `first_hop` filters those that leave a start
          besides, in the direction of the walk (a SAME_AS, and any of CONNECTED, leaves both its ends), and no others:
          not those that lead to a start. Of INTERSECTION the start is that of each single walk; of `excluding`, what
          is excluded.
        - `causal` (not for CONNECTED) reaches only what could have flowed, as far as times are recorded: along the path
          from a start, or to it for ASCENDANTS, each association can be given a time within its span so that none is
          earlier than the one before it in the direction of flow. The span of an association with an `occurred_at` of
          its own is that time. Without one it begins with the time it is shown with, and ends, where an end of it is an
          action of which a revision set the status to COMPLETED, FAILED or STOPPED and whose status is one of these,
          with the latest such revision (never before it begins; of two such ends, with the later), else never. A
          SAME_AS, and an association beside a hidden end, has all times. So nothing is left out that could have flowed.
          The distance is the least of the causal paths, and the path is one of them. Among what is reached only across
          hidden entities no times count. The walk takes a few round trips for every level.
        - `where` says which reached entities are returned and counted; it never prunes the walk.
        - UNION takes the least distance from any start. INTERSECTION keeps what the walk from each single start
          reaches, with the least of the distances. `excluding` removes what a walk with the same arguments reaches from
          the excluded, not the excluded themselves. A start given twice counts once.
        - Scopes: an entity, a start too, is expanded in a direction only where its `EntityScope` lets it be crossed at
          its distance from the starts (of CONNECTED, in the direction of each hop; a SAME_AS in either); one that is
          restricted or hidden is never expanded on the way to what has a distance. Where no `depth` is given, what is
          reached only by crossing hidden entities (MASK and BRIDGE) is reached too, after all others, by urn: there
          every hidden one that is not CUT is expanded, and of the others those that may be crossed at any distance and
          do not match `stop_at`.
        - Reasons: POLICY where `withheld` is told; PAGE where `has_next`; VISIT_LIMIT and DEADLINE where a limit cut
          the walk. DEPTH where no limit cut it, and the same walk with a `depth` greater by one reaches an entity that
          it does not reach within `depth`: one that the scope shows, to which `via` leads, and no `stop_at` bars the
          way; of BOTH, one that neither of its walks reaches. Of INTERSECTION this holds for the walk of any single
          start; with `excluding`, for what that does not remove.
        - The visit limit counts the entities beyond `after`, and cuts in (distance, urn) order. The deadline cuts
          between distances, and never before one distance beyond `after` is known. So a continued walk always goes on.
          INTERSECTION and `excluding` need the whole of each start's walk and of that from the excluded: where one of
          these would be cut, they raise LimitExceeded.

        At most three round trips for all questions, whatever the depth and the width: the walks, what of them matches,
        and what the pages show. A walk that a limit of the engine's cuts short takes one a level instead; what lies
        beyond hidden entities takes one more a hop.
        """

    @abstractmethod
    async def reach_associations(self, questions: Sequence[ReachAssociations]) -> list[AssociationPage | None]:
        """Pages of the associations among the starts and everything the walk traversed; None as in `reach`.

        Both ends lie among the starts and the reached (for INTERSECTION and `excluding`: what is left of them), the
        walk's `via` allows it, and `first_hop` too where it leaves one of the starts (of BOTH, in either direction).
        Raises LimitExceeded where the walk cannot be finished and no `up_to` is given.
        At most three round trips: the walks, the associations, their properties.
        """

    @abstractmethod
    def export(self, view: View) -> AsyncIterator[NewPart]:
        """Everything in the view as first recorded, but for hidden keys, with the `occurred_at` it was recorded with.

        Entities by urn; then associations in their order; then revisions by entity urn and sequence; then observations
        by entity urn, metric, step, `occurred_at` and value. Recording them in that order into an empty store gives the
        same digests. Streams: memory does not grow with the store. Reads one moment, whatever is written meanwhile.
        """

    # -- access: read without a scope, by what decides on access and nothing else ------------------------------------

    @abstractmethod
    async def access_since(self, epoch: int) -> AccessDelta:
        """What changed of access after an epoch; all there is for 0, which is the epoch of a fresh store."""

    @abstractmethod
    async def change_access(self, change: AccessChange, *, epoch: int) -> int:
        """Change access as was decided on the state of an epoch: all of it, or nothing. Gives the new epoch, one more.

        Raises EpochConflict where the epoch is not the newest, and then nothing is changed. A document without content
        is removed. An entity that joins a group it is in, or leaves one it is not in, changes nothing; so does one that
        does not stand, and one that joins or leaves its account's default group. A change of nothing but the audit log
        moves no epoch. Raises OutcomeUnknown where it is not known whether it is there, or comes to be with the next
        change: read what is new, and decide again.
        """

    @abstractmethod
    async def entity_groups(self, ids: Sequence[str]) -> list[EntityGroups | None]:
        """Which groups each of some entities is in, its account's default group among them; None where none stands."""

    @abstractmethod
    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Append entries to the audit log, in their order: all or none.

        The log is numbered from 1, without gaps, and the time of each record is later than of the one before.
        """

    @abstractmethod
    async def audit_log(self, question: AuditQuestion) -> AuditPage:
        """A page of the audit log, the newest first.

        Raises LimitExceeded where more than 100,000 records of the time asked for would have to be looked through.
        """

    @abstractmethod
    async def key_used(self, id: str, at: int) -> None:
        """Note when an API key was last used; an earlier time than noted changes nothing. No epoch moves."""

    @abstractmethod
    async def keys_used(self, ids: Sequence[str]) -> dict[str, int]:
        """When each of some API keys was last used, of those that were."""

    # -- the quarantine: read without a scope, by whoever holds the store itself -----------------------------------

    @abstractmethod
    async def quarantine(self, kept: Quarantined, limits: QuarantineLimits) -> None:
        """Keep a document that could not be recorded, and drop those that the limits no longer allow, the oldest first.

        A document whose id is kept already takes the new time, recipient and problems. A document larger than the limit
        is not kept. Nothing of it is lineage: no watermark moves.
        """

    @abstractmethod
    async def quarantined(self, question: QuarantineQuestion) -> QuarantinePage:
        """A page of the documents that are kept, the newest first; of the same time, by id, the greatest first."""

    @abstractmethod
    async def discard_quarantined(self, id: str) -> bool:
        """Remove a document; false where none of that id is kept."""

    # -- the engine --------------------------------------------------------------------------------------------------

    @abstractmethod
    async def ready(self) -> None:
        """Ask the engine a real query; returns when it answered, raises Unavailable where it does not in time."""

    @abstractmethod
    async def secret(self, name: str) -> bytes:
        """32 random bytes, made the first time a name is asked for and the same ever after, in every process."""

    @abstractmethod
    async def close(self) -> None:
        """Finish the write that is under way, refuse later ones with Unavailable, and let go of the engine."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
