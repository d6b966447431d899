"""Descriptions of the enums."""

from enum import StrEnum

import strawberry

from lineal.graphstore import kinds
from lineal.graphstore.errors import ProblemCode
from lineal.graphstore.queries import EntityOrderField
from lineal.resolvers import comparison, kind_fields


def described(enum: type[StrEnum], description: str, values: dict[str, str]) -> None:
    """Make an enum of the domain one of the schema. Every value must be described."""
    shown = strawberry.enum(enum, description=description)
    for value in shown.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]


described(
    kinds.LineageType,
    "Family of kinds.",
    {
        "EXPERIMENT": "A question under study.",
        "TRIAL": "One attempt at a question.",
        "TRIAL_COMPONENT": "One step of an attempt.",
        "ARTIFACT": "A thing: data, code, a model, an image.",
        "ACTION": "Something that was done: a job, a deployment, an approval.",
        "CONTEXT": "A grouping of artifacts and actions, or a place of service: an endpoint, a pipeline, a "
        "model group.",
        "RESTRICTED": "An entity that the caller may not read.",
    },
)

described(
    kinds.EntityKind,
    "Kind of an entity.",
    {
        "EXPERIMENT": "A question under study; trials attempt to answer it.",
        "TRIAL": "One attempt at an experiment.",
        "TRIAL_COMPONENT": "One step of a trial: pre-processing, training or post-processing.",
        "DATASET": "One version of a dataset.",
        "FEATURE_GROUP": "A set of features kept together.",
        "FEATURE": "One input variable of models.",
        "MODEL": "A trained model artifact.",
        "MODEL_VERSION": "A model registered under a number in a model group.",
        "CHECKPOINT": "The state of a model during training.",
        "IMAGE": "A container image.",
        "CODE": "A version of source code.",
        "LIBRARY": "A version of a software library.",
        "ENVIRONMENT": "A set of libraries and settings that code runs in.",
        "SERVICE": "A managed service that a job used.",
        "PARAMETERS": "A set of parameters or seeds.",
        "REPORT": "A report on a model or data: bias, explainability, quality.",
        "OUTPUT": "An output of a job that is of none of the other kinds.",
        "TEMPLATE": "A project template.",
        "ARTIFACT": "An artifact of none of the other kinds; `type` names its subtype.",
        "TRAINING_JOB": "A run that trained a model.",
        "PROCESSING_JOB": "A run that computed data from other data.",
        "TRANSFORM_JOB": "A run that applied a model to data.",
        "PIPELINE_EXECUTION": "One run of a pipeline.",
        "DEPLOYMENT": "The act of putting a model version into service.",
        "APPROVAL": "A decision on a model version.",
        "ACTION": "An action of none of the other kinds; `type` names its subtype.",
        "ENDPOINT": "An address at which a model answers requests.",
        "MODEL_GROUP": "A registered model: the group of its model versions.",
        "PIPELINE": "A defined sequence of steps, run many times.",
        "PROJECT": "A body of work.",
        "CONTEXT": "A context of none of the other kinds; `type` names its subtype.",
        "RESTRICTED": "An entity that the caller may not read, shown without its content because its owner masks it.",
    },
)

described(
    kinds.AssociationType,
    "How an association's source contributed to its destination.",
    {
        "CONTRIBUTED_TO": "The destination used the source, as a job uses a dataset.",
        "PRODUCED": "The source produced the destination, as a job produces a model.",
        "DERIVED_FROM": "The destination is a modification of the source.",
        "ASSOCIATED_WITH": "The two belong together although no data flows: grouping, registration or approval.",
        "SAME_AS": "Both ends are one thing under two identities; every traversal crosses the association in "
        "both directions.",
    },
)

described(
    kinds.EntityStatus,
    "Status of an entity.",
    {
        "UNKNOWN": "The status is not known.",
        "PENDING": "Not started.",
        "IN_PROGRESS": "Running.",
        "COMPLETED": "Ended successfully.",
        "FAILED": "Ended with an error.",
        "STOPPING": "Being stopped.",
        "STOPPED": "Stopped before it completed.",
        "IN_SERVICE": "Answering requests.",
        "OUT_OF_SERVICE": "No longer answering requests.",
    },
)

described(
    kinds.SourceIdType,
    "Type of a source id.",
    {
        "MD5": "An MD5 digest of the content.",
        "SHA256": "A SHA-256 digest of the content.",
        "S3_ETAG": "An object store's entity tag.",
        "S3_VERSION": "An object store's version id.",
        "CUSTOM": "Any other identifier of the exact version.",
    },
)

described(
    kinds.PropertyType,
    "The type of a property's value. Values of different types are never equal, save that numbers compare as numbers.",
    {
        "STRING": "A string.",
        "INTEGER": "An integer of 64 bits.",
        "FLOAT": "A floating-point number of 64 bits.",
        "BOOLEAN": "True or false.",
        "TIMESTAMP": "A time, as an RFC 3339 string.",
        "JSON": "An array, an object, or any other JSON.",
    },
)

described(
    kinds.LineageDirection,
    "Direction of a traversal.",
    {
        "ASCENDANTS": "To everything that contributed to the start.",
        "DESCENDANTS": "To everything that the start contributed to.",
        "BOTH": "To the ascendants and the descendants of the start.",
        "CONNECTED": "Along every association in both directions, from every entity; never returns the starts.",
    },
)

described(
    EntityOrderField,
    "Field that entities are sorted by. Entities without a value come last in both directions; ties are broken by URN.",
    {
        "URN": "URN of the entity.",
        "NAME": "Name of the entity.",
        "VERSION": "Version, as text.",
        "KIND": "Name of the kind.",
        "ACCOUNT": "Account that owns the entity.",
        "TYPE": "Subtype (`type`).",
        "STATUS": "Name of the status.",
        "SOURCE_URI": "Address of the entity's content (`source.uri`).",
        "OCCURRED_AT": "Earliest time at which the entity is known to have existed in the world.",
        "RECORDED_AT": "Time at which this server recorded it.",
        "RECORDED_BY": "Principal that recorded it, as `account/name`.",
        "PROPERTY": "Property named by `propertyKey`: booleans, then numbers, strings, timestamps, and JSON by "
        "its canonical text. At most 100,000 entities may match.",
    },
)

described(
    kinds.OrderDirection,
    "Direction of an order.",
    {"ASCENDING": "The smallest first; texts by code point.", "DESCENDING": "The greatest first."},
)

described(
    kinds.Combine,
    "How the lineages of several starts are combined.",
    {
        "UNION": "Entities that any start reaches, at the least distance.",
        "INTERSECTION": "Entities that every start reaches, with the least of the distances.",
    },
)

described(
    kinds.IncompleteReason,
    "Reason why an answer is incomplete.",
    {
        "DEPTH": "The caller may reach entities beyond `depth`.",
        "PAGE": "There is a next page.",
        "VISIT_LIMIT": "The server's limit on visited entities cut the traversal; the next page continues from there.",
        "DEADLINE": "The server's deadline cut the traversal; the next page continues from there.",
        "POLICY": "The traversal met entities that the caller may not see, and their groups set `tellsWithheld`.",
    },
)

described(
    kind_fields.TrialStage,
    "Stage of a trial component.",
    {
        "PREPROCESSING": "It prepares data.",
        "TRAINING": "It trains a model.",
        "POSTPROCESSING": "It evaluates or packs a model.",
    },
)

described(
    comparison.MetricGoal,
    "Whether greater or smaller values of a metric are better.",
    {
        "MINIMUM": "Smaller values are better, for example of a loss.",
        "MAXIMUM": "Greater values are better, for example of an accuracy.",
    },
)

described(
    comparison.MetricValue,
    "Value of a metric to compare.",
    {"LAST": "The value at the greatest step and time.", "MIN": "The smallest value.", "MAX": "The greatest value."},
)

described(
    kind_fields.ReviewDecision,
    "Decision on a model version.",
    {
        "APPROVED": "The version may be used.",
        "REJECTED": "The version may not be used.",
        "PENDING": "The version waits for a decision.",
    },
)

_PROBLEMS = {
    "INVALID_VALUE": "A value cannot be recorded.",
    "TOO_LARGE": "A value or the whole request exceeds its limit.",
    "SELF_ASSOCIATION": "An association leads from an entity to itself.",
    "NOT_FOUND": "An entity is neither recorded nor part of the batch.",
    "IMMUTABLE_CONFLICT": "Other content is recorded under this identity.",
    "IDEMPOTENCY_MISMATCH": "The `idempotencyKey` was used for another request in the last 24 hours.",
    "FORBIDDEN": "The caller lacks a permission; the message names the permission and the entity.",
}


class LineageRecordErrorCode(StrEnum):
    INVALID_VALUE = ProblemCode.INVALID_VALUE
    TOO_LARGE = ProblemCode.TOO_LARGE
    SELF_ASSOCIATION = ProblemCode.SELF_ASSOCIATION
    NOT_FOUND = ProblemCode.NOT_FOUND
    IMMUTABLE_CONFLICT = ProblemCode.IMMUTABLE_CONFLICT
    IDEMPOTENCY_MISMATCH = ProblemCode.IDEMPOTENCY_MISMATCH
    FORBIDDEN = ProblemCode.FORBIDDEN


class EntityReviseErrorCode(StrEnum):
    INVALID_VALUE = ProblemCode.INVALID_VALUE
    TOO_LARGE = ProblemCode.TOO_LARGE
    NOT_FOUND = ProblemCode.NOT_FOUND
    IDEMPOTENCY_MISMATCH = ProblemCode.IDEMPOTENCY_MISMATCH
    FORBIDDEN = ProblemCode.FORBIDDEN


class ObservationsRecordErrorCode(StrEnum):
    INVALID_VALUE = ProblemCode.INVALID_VALUE
    TOO_LARGE = ProblemCode.TOO_LARGE
    NOT_FOUND = ProblemCode.NOT_FOUND
    IDEMPOTENCY_MISMATCH = ProblemCode.IDEMPOTENCY_MISMATCH
    FORBIDDEN = ProblemCode.FORBIDDEN


class ModelVersionRegisterErrorCode(StrEnum):
    INVALID_VALUE = ProblemCode.INVALID_VALUE
    TOO_LARGE = ProblemCode.TOO_LARGE
    NOT_FOUND = ProblemCode.NOT_FOUND
    IDEMPOTENCY_MISMATCH = ProblemCode.IDEMPOTENCY_MISMATCH
    FORBIDDEN = ProblemCode.FORBIDDEN


class ModelVersionReviewErrorCode(StrEnum):
    INVALID_VALUE = ProblemCode.INVALID_VALUE
    TOO_LARGE = ProblemCode.TOO_LARGE
    NOT_FOUND = ProblemCode.NOT_FOUND
    IDEMPOTENCY_MISMATCH = ProblemCode.IDEMPOTENCY_MISMATCH
    FORBIDDEN = ProblemCode.FORBIDDEN


described(LineageRecordErrorCode, "Reason why `lineageRecord` wrote nothing.", _PROBLEMS)
described(EntityReviseErrorCode, "Reason why `entityRevise` wrote nothing.", _PROBLEMS)
described(ObservationsRecordErrorCode, "Reason why `observationsRecord` wrote nothing.", _PROBLEMS)
described(ModelVersionRegisterErrorCode, "Reason why `modelVersionRegister` wrote nothing.", _PROBLEMS)
described(ModelVersionReviewErrorCode, "Reason why `modelVersionReview` wrote nothing.", _PROBLEMS)
