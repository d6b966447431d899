"""The store contract: the complete behaviour of every engine.

Every engine gives the same answers in the same order. The conformance suite in `tests/graphstore` runs over all engines
and over a reference model. These rules hold for every verb:

- **Plural.** A read verb takes several questions and returns their answers in the same order, in one round trip to the
  engine (or in as many as the verb states). Without questions it returns no answers and makes no round trip. A question
  that is asked twice is answered twice.
- **View.** Every question carries its view: a scope and a moment. A record that was recorded or that occurred after the
  moment is treated as absent. So is everything that the scope does not show: an entity that is not readable, an
  association with an end that is not readable, and a property key that is hidden. This holds for records, filters,
  counts, pages, keys and exports alike. A metric `m` is hidden where the property key `metrics.m` is hidden. The groups
  of an entity are today's groups, whatever the moment. Walks and the associations of an entity show those unreadable
  entities whose boundary is MASK, as `Restricted`.
- **Filters on restricted entities.** An entity filter with conditions on kinds only is evaluated on a restricted entity
  as if its kind were RESTRICTED. Any other entity filter does not match it, whatever the conditions are. An association
  filter is evaluated on an association with a hidden end as it would be shown: without role, properties and times.
- **Existence.** A report of an entity at some time proves that the entity existed then. So an entity as read has the
  earliest `occurred_at` of its record and of those of its revisions that were recorded by the view's moment, whichever
  keys are hidden. An entity exists in a view if it was recorded, and occurred in this sense, no later than the view's
  moment. An association exists if it was recorded and both its ends exist; if it has an `occurred_at` of its own, it
  exists from that time on. If it has none, it is shown with the later of the times of its ends, and filters use that
  time. A revision exists if it was recorded and occurred by the view's moment, and then its entity exists too. An
  observation exists if it was recorded and occurred by then and its entity exists.
- **As read.** An entity as read is its record with the revisions of the view applied in the order (occurred_at, rank,
  sequence): later revisions win. A field that a revision sets replaces the earlier value, and the keys in its `removed`
  are absent until a later revision sets them. Within one revision, removal comes first. A status that a revision of
  rank 1 sets does not count if a revision of rank 2 in the view sets another status, whatever their times: the clocks
  of their senders may differ.
- **Order** is total. Text is ordered by code point, and ties by URN.
- **Failure.** Any verb may raise Unavailable: the engine cannot be reached in time. No verb returns an empty answer
  instead.
- **Limits.** Callers check page sizes and the number of questions; engines do not.

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
    """The failure that a batch survives once it is recorded.

    POWER_LOSS: the batch survives a loss of power. CRASH: the batch survives the death of the process, but a loss of
    power may lose the newest batches, each as a whole. CRASH is for bulk loads, which can be repeated.
    """

    POWER_LOSS = "POWER_LOSS"
    CRASH = "CRASH"


@dataclass(frozen=True, slots=True)
class EntityPage:
    """A page of entities. `total` and `counts` count all matches in the view, on every page; no count is zero."""

    items: tuple[Entity, ...]
    total: int
    counts: Mapping[EntityKind, int]
    has_next: bool


@dataclass(frozen=True, slots=True)
class AssociationPage:
    """A page of associations in the order (source URN, destination URN, type, role); no role comes before any role."""

    items: tuple[Association, ...]
    total: int
    has_next: bool


@dataclass(frozen=True, slots=True)
class RevisionPage:
    """A page of revisions in the order in which they are applied."""

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

    `path` is one shortest path, from a start outwards; it is empty unless the question asks for paths. Among shortest
    paths, going back from the entity, each step takes the predecessor with the least (URN, type, role), where no role
    comes before any role. Of two associations that are equal in these but opposite in direction, it takes the one with
    the lesser source URN. If BOTH reaches an entity as ascendant and as descendant at the same distance, the
    predecessors of both are compared.

    `distance` is None, and `path` is empty, if the entity is reached only across hidden entities.
    """

    entity: Entity | Restricted
    distance: int | None
    path: tuple[Association, ...] = ()

    @property
    def position(self) -> ReachPosition:
        """The position of the entity in the order of a reach page."""
        return ReachPosition(UNMEASURED if self.distance is None else self.distance, self.entity.urn)


@dataclass(frozen=True, slots=True)
class ReachPage:
    """A page of the entities that a walk reached, in the order (distance, URN).

    `total` and `counts` count all matches, on every page. If `reasons` contains VISIT_LIMIT or DEADLINE, they count the
    matches visited so far.

    `visited` counts the entities that the walk from the starts has reached so far, matching or not, each once. For
    INTERSECTION it counts them before the walks are combined. It counts neither the entities of the walk from the
    excluded ones, nor hidden entities that are not shown.

    `withheld` counts the hidden entities that the walk met and does not show. It is None unless no limit cut the walk,
    the walk met at least one, and every group that withholds one allows the count to be shown.

    `end` is the position from which the next page continues: that of the last item or, if a limit cut the walk and
    every match so far has been returned, the last position visited. It is None if there is no such position.

    `has_next` is true if there are more matches, or if a limit cut the walk.
    """

    items: tuple[Reached, ...]
    total: int
    counts: Mapping[EntityKind, int]
    has_next: bool
    end: ReachPosition | None
    reasons: frozenset[IncompleteReason]
    visited: int
    cut_at: ReachPosition | None = None
    """The last position visited, if a limit cut the walk. No count includes entities beyond it."""
    withheld: int | None = None


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest state: the `recorded_at` of the newest visible batch (0 if there is none), and the access epoch."""

    recorded_at: int
    epoch: int


@dataclass(frozen=True, slots=True)
class EntityGroups:
    """A recorded entity, whether or not anyone may read it, with its groups."""

    urn: str
    kind: EntityKind
    account: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Verified:
    """A step of a verification: the number of records that it checked, and a sentence for each problem.

    `expected` is the number of records that remain to be checked, where it is known.
    """

    records: int
    problems: tuple[str, ...] = ()
    expected: int | None = None


class Store(ABC):
    """One open engine: opened by `graphstore.open_store`, closed by `close` or as an async context manager."""

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
        """Write a batch as a whole or not at all, and return its outcome. The only verb that writes lineage.

        All parts get one `recorded_at`, later than that of every batch visible before, and `by` as their recorder. A
        part without `occurred_at` gets `recorded_at` as its `occurred_at`, except an association, which then has none.
        When this returns, the batch is as durable as `durability` demands, and every read that begins afterwards, in
        any process, sees it.

        - An entity or association that is recorded already, with the same identity and content, changes nothing. A part
          without `occurred_at` matches a recorded one with any or no `occurred_at`. A part with `occurred_at` matches
          only a recorded one with an equal one; a recorded one without is in conflict. If an identity occurs twice in a
          batch, the second part is compared with the first in the same way.
        - A revision that equals a recorded one in `occurred_at`, set fields and removed keys changes nothing, whatever
          its rank. A revision without `occurred_at` is always new. A revision that sets and removes nothing is a
          sighting: it is new if nothing else shows that its entity existed by its time, and otherwise changes nothing.
          Sequence numbers count from 1 for each entity, in the order of recording. The entities of a batch count as
          recorded before its associations, and those before its revisions.
        - The identity of an observation is all of it: entity, metric, step, `occurred_at` and value. Recording it again
          changes nothing. An observation without `occurred_at` is new, unless an equal one precedes it in its batch.
          The value -0 is 0, and NaN equals itself.
        - An empty batch, or one without new parts, writes nothing, and the returned `recorded_at` is None.
        - A batch written with POWER_LOSS, even an empty one, makes all earlier batches survive a loss of power too.
        - `returning` adds the records to the outcome, as read at the newest moment under that scope, in the batch's
          order.
        - `audit` is appended to the audit log unless the batch is refused, whether or not the batch has new parts.

        Raises BatchRefused with every problem that can be detected at once, in the batch's order: INVALID_VALUE,
        TOO_LARGE and SELF_ASSOCIATION (which `checks.checked_urns` detects before the store is asked), NOT_FOUND (an
        end of an association, a revised or observed entity, or a superseding entity is neither recorded nor in the
        batch), IMMUTABLE_CONFLICT (names the fields that differ), IDEMPOTENCY_MISMATCH.

        A request that repeats an idempotency key of the last 24 hours, by the same principal and with the same
        fingerprint, writes nothing and gets the answer to the first request, even if the two race. A refused batch
        leaves no trace of its key.

        Raises OutcomeUnknown if a commit failed in such a way that the batch may or may not be recorded.
        """

    # -- the moment --------------------------------------------------------------------------------------------------

    @abstractmethod
    async def watermark(self) -> int:
        """Return the `recorded_at` of the newest visible batch; 0 if nothing was ever recorded. One round trip."""

    @abstractmethod
    async def newest(self) -> Newest:
        """Return the watermark and the access epoch. One round trip."""

    # -- reading -----------------------------------------------------------------------------------------------------

    @abstractmethod
    async def entities(self, view: View, ids: Sequence[str]) -> list[Entity | None]:
        """Return the entities with these ids, in their order; None for one absent from the view, or for no id."""

    @abstractmethod
    async def find(self, questions: Sequence[Find]) -> list[EntityPage]:
        """Return a page of the matching entities for each question, in the question's order.

        Raises LimitExceeded if the order is by a property and more than 100,000 entities match. Makes one more round
        trip if very many entities have a name that a question asks for, and one if a page continues in another order
        than by URN.
        """

    @abstractmethod
    async def associations(self, questions: Sequence[AssociationsOf]) -> list[AssociationPage]:
        """Return a page of the associations of each question's entity; none if it is absent from the view.

        Makes one more round trip if associations have properties.
        """

    @abstractmethod
    async def history(self, questions: Sequence[HistoryOf]) -> list[RevisionPage]:
        """Return a page of the revisions of each question's entity; none if it is absent from the view."""

    @abstractmethod
    async def metrics(self, questions: Sequence[MetricsOf]) -> list[tuple[Metric, ...]]:
        """Return the metrics of each question's entity that have observations, by name; none if it is absent."""

    @abstractmethod
    async def series(self, questions: Sequence[SeriesOf]) -> list[SeriesPage]:
        """Return a page of observations of each question's metric; none if its entity is absent from the view."""

    @abstractmethod
    async def buckets(self, questions: Sequence[BucketsOf]) -> list[tuple[Bucket, ...]]:
        """Return each question's series in buckets, in order; no buckets if the view has no observations of it."""

    @abstractmethod
    async def property_keys(self, questions: Sequence[PropertyKeys]) -> list[list[str]]:
        """Return, for each question, the first property keys that any entity of the kind in the view ever had.

        Keys are in the order of code points.
        """

    @abstractmethod
    async def reach(self, questions: Sequence[Reach]) -> list[ReachPage | None]:
        """Return a page of the entities that each walk reaches; None if a start, or one excluded, is not in the view.

        A walk reaches the entities at distance 1 or more from its starts, each once, with its least distance, however
        many paths lead there and whatever cycles there are. DESCENDANTS follows an association from source to
        destination, ASCENDANTS from destination to source; both follow a SAME_AS both ways. BOTH is the union of the
        two walks. CONNECTED follows every association both ways from every entity, and never reaches its starts.

        - A start is reached only from another start, or round a cycle; a SAME_AS never counts as reaching a start.
        - Starts are always expanded. An entity that matches `stop_at` is reached and not expanded. An entity at
          distance `depth` is reached and not expanded; a depth of 0 reaches nothing.
        - `via` filters the associations of every hop. `first_hop` filters, in addition, the associations that leave a
          start in the direction of the walk (a SAME_AS, and every association of CONNECTED, leaves both its ends), and
          no others: not those that lead to a start. For INTERSECTION the start is that of each single walk; for
          `excluding`, the excluded entity.
        - `causal` (not for CONNECTED) reaches only entities that data could have flowed to or from, as far as times are
          recorded. Along the path from a start, or to it for ASCENDANTS, each association can be assigned a time within
          its span such that no time is earlier than the one before it in the direction of flow. The span of an
          association with an `occurred_at` of its own is that time. Otherwise the span begins with the time that the
          association is shown with. It ends if an end of the association is an action of which a revision set the
          status to COMPLETED, FAILED or STOPPED and whose status is one of these: then with the latest such revision,
          but never before the span begins; if both ends are such actions, with the later. Otherwise the span has no
          end. A SAME_AS, and an association with a hidden end, has a span of all times. So the walk leaves out nothing
          that could have flowed. The distance is the least of the causal paths, and the path is one of them. For
          entities that are reached only across hidden entities, times do not count.
        - `where` selects the reached entities that are returned and counted; it never prunes the walk.
        - UNION takes the least distance from any start. INTERSECTION keeps the entities that the walk from each single
          start reaches, with the least of the distances. `excluding` removes the entities that a walk with the same
          arguments reaches from the excluded entities, but not the excluded entities themselves. A repeated start
          counts once.
        - Scopes: an entity, also a start, is expanded in a direction only if its `EntityScope` allows crossing it at
          its distance from the starts (for CONNECTED, in the direction of each hop; for a SAME_AS, in either). A path
          with a distance never leads across a restricted or hidden entity. Without a `depth`, the walk also reaches the
          entities that it can reach only across hidden ones (MASK and BRIDGE), after all others, by URN. Among these,
          every hidden entity that is not CUT is expanded, and of the others those that may be crossed at any distance
          and do not match `stop_at`.
        - Reasons: POLICY if `withheld` is not None; PAGE if `has_next`; VISIT_LIMIT and DEADLINE if that limit cut the
          walk. DEPTH if no limit cut the walk, and the same walk with a `depth` greater by one reaches an entity that
          it does not reach within `depth`: an entity that the scope shows, to which `via` leads, and to which no
          `stop_at` bars the way; for BOTH, an entity that neither of its walks reaches. For INTERSECTION this holds for
          the walk of any single start; with `excluding`, for the entities that it does not remove.
        - The visit limit counts the entities beyond `after`, and cuts in the order (distance, URN). The deadline cuts
          between distances, and never before one distance beyond `after` is complete. So a continued walk always makes
          progress. INTERSECTION and `excluding` need the complete walk of each start and of the excluded entities: if a
          limit would cut one of these, they raise LimitExceeded.

        Makes at most three round trips for all questions, whatever the depth and the width: one for the walks, one for
        the entities that match, one for the records that the pages show. A walk that a limit of the engine cuts short
        takes one round trip for each level instead; entities beyond hidden ones take one more for each hop.
        """

    @abstractmethod
    async def reach_associations(self, questions: Sequence[ReachAssociations]) -> list[AssociationPage | None]:
        """Return a page of the associations among the starts and all that each walk traversed; None as for `reach`.

        Both ends of each association are starts or reached entities (for INTERSECTION and `excluding`: those that
        remain), the walk's `via` allows the association, and so does `first_hop` if the association leaves a start (for
        BOTH, in either direction). Raises LimitExceeded if the walk cannot be finished and the question has no `up_to`.
        Makes at most three round trips: one for the walks, one for the associations, one for their properties.
        """

    @abstractmethod
    def export(self, view: View) -> AsyncIterator[NewPart]:
        """Yield the parts of the view as first recorded, with the `occurred_at` they had then, without hidden keys.

        Entities come first, by URN; then associations in their order; then revisions by entity URN and sequence; then
        observations by entity URN, metric, step, `occurred_at` and value. Recording the parts in that order into an
        empty store gives the same digests. The export streams: its memory does not grow with the store. It reads one
        moment, whatever is written meanwhile.
        """

    @abstractmethod
    def verify(self, sample: int | None = None) -> AsyncIterator[Verified]:
        """Yield steps that check every record against its digest, and what the engine derives from records.

        With a `sample`, check the digests of about so many entities, with their revisions and associations. Every
        problem is a sentence of a step; a damaged record stops no other check. Reads one moment, in many round trips.
        """

    # -- access: read without a scope, for access decisions only -----------------------------------------------------

    @abstractmethod
    async def access_since(self, epoch: int) -> AccessDelta:
        """Return the changes of access after an epoch; for epoch 0, which is that of a fresh store, all of access."""

    @abstractmethod
    async def change_access(self, change: AccessChange, *, epoch: int) -> int:
        """Apply a change of access as a whole or not at all, and return the new epoch, which is greater by one.

        `epoch` is the epoch of the state on which the change was decided. Raises EpochConflict, and changes nothing, if
        it is not the newest. A document without content is removed. A join of a group that the entity is in, a leave of
        a group that it is not in, a join or leave of the default group of its account, and a join or leave of an entity
        that is not recorded change nothing. A change of nothing but the audit log does not change the epoch.

        Raises OutcomeUnknown if the change may have taken effect, or may do so with the next change: read the newest
        state and decide again.
        """

    @abstractmethod
    async def entity_groups(self, ids: Sequence[str]) -> list[EntityGroups | None]:
        """Return the groups of each entity, with the default group of its account; None for an id not recorded."""

    @abstractmethod
    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Append entries to the audit log in their order, all or none.

        The records of the log are numbered from 1 without gaps, and each has a later time than the record before it.
        """

    @abstractmethod
    async def audit_log(self, question: AuditQuestion) -> AuditPage:
        """Return a page of the audit log, the newest record first.

        Raises LimitExceeded if more than 100,000 records of the requested time would have to be searched.
        """

    @abstractmethod
    async def key_used(self, id: str, at: int) -> None:
        """Store when an API key was last used. An earlier time than the stored changes nothing. No epoch changes."""

    @abstractmethod
    async def keys_used(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the time of the last use of each API key, by id, without keys that were never used."""

    # -- the quarantine: read without a scope; callers check access --------------------------------------------------

    @abstractmethod
    async def quarantine(self, kept: Quarantined, limits: QuarantineLimits) -> None:
        """Keep a document that could not be recorded, and drop the oldest documents that exceed the limits.

        The limit in bytes applies to each account separately: documents of one account are never dropped for another.
        A document whose id is kept already takes the new time, recipient and problems. A document that is larger than
        the limit is not kept. A quarantined document is not lineage: the watermark does not change.
        """

    @abstractmethod
    async def quarantined(self, question: QuarantineQuestion) -> QuarantinePage:
        """Return a page of the quarantined documents, the newest first; of the same time, the greatest id first."""

    @abstractmethod
    async def discard_quarantined(self, id: str) -> bool:
        """Remove a document, and return whether it was quarantined."""

    # -- the engine --------------------------------------------------------------------------------------------------

    @abstractmethod
    async def ready(self) -> None:
        """Return when the engine has answered a real query; raise Unavailable if it does not answer in time."""

    @abstractmethod
    async def secret(self, name: str) -> bytes:
        """Return 32 random bytes for a name: created on first use, and the same ever after in every process."""

    @abstractmethod
    async def close(self) -> None:
        """Finish the write in progress, refuse later writes with Unavailable, and release the engine."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
