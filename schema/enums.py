"""The closed sets, with what each value means."""

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
    "The family a kind belongs to.",
    {
        "EXPERIMENT": "A question under study.",
        "TRIAL": "One attempt at a question.",
        "TRIAL_COMPONENT": "One step of an attempt.",
        "ARTIFACT": "A thing: data, code, a model, an image.",
        "ACTION": "Something done: a job, a deployment, an approval.",
        "CONTEXT": "What things and actions are grouped by or serve in: an endpoint, a pipeline, a model group.",
        "RESTRICTED": "What may not be seen.",
    },
)

described(
    kinds.EntityKind,
    "What an entity is.",
    {
        "EXPERIMENT": "A question under study, which trials attempt.",
        "TRIAL": "One attempt at an experiment.",
        "TRIAL_COMPONENT": "One step of a trial: pre-processing, training or post-processing.",
        "DATASET": "A version of some data.",
        "FEATURE_GROUP": "A set of features kept together.",
        "FEATURE": "One input variable of models.",
        "MODEL": "A trained model artifact.",
        "MODEL_VERSION": "A model registered under a number in a model group.",
        "CHECKPOINT": "A model's state in the midst of training.",
        "IMAGE": "A container image.",
        "CODE": "A version of source code.",
        "LIBRARY": "A version of a software library.",
        "ENVIRONMENT": "A set of libraries and settings that code runs in.",
        "SERVICE": "A managed service that took part.",
        "PARAMETERS": "A set of parameters or seeds.",
        "REPORT": "A report on a model or data: bias, explainability, quality.",
        "OUTPUT": "Any other output of a job.",
        "TEMPLATE": "A project template.",
        "ARTIFACT": "Any other thing; its `type` says what.",
        "TRAINING_JOB": "A run that trained a model.",
        "PROCESSING_JOB": "A run that made data from data.",
        "TRANSFORM_JOB": "A run that applied a model to data.",
        "PIPELINE_EXECUTION": "One run of a pipeline.",
        "DEPLOYMENT": "Putting a model version into service.",
        "APPROVAL": "A decision on a model version.",
        "ACTION": "Anything else done; its `type` says what.",
        "ENDPOINT": "Where a model answers requests.",
        "MODEL_GROUP": "The versions of one registered model.",
        "PIPELINE": "A defined sequence of steps, run many times.",
        "PROJECT": "A body of work.",
        "CONTEXT": "Any other grouping; its `type` says what.",
        "RESTRICTED": "An entity that may not be seen, where its owner lets it be known that it is there.",
    },
)

described(
    kinds.AssociationType,
    "How an association's source contributed to its destination.",
    {
        "CONTRIBUTED_TO": "The destination used the source: a dataset and a job.",
        "PRODUCED": "The source made the destination: a job and a model.",
        "DERIVED_FROM": "The destination is a modification of the source.",
        "ASSOCIATED_WITH": "Grouping, registration or approval.",
        "SAME_AS": "One thing under two identities; crossed in both directions by every traversal.",
    },
)

described(
    kinds.EntityStatus,
    "Where an entity stands in its life.",
    {
        "UNKNOWN": "Nobody has said.",
        "PENDING": "Not begun.",
        "IN_PROGRESS": "Under way.",
        "COMPLETED": "Ended well.",
        "FAILED": "Ended badly.",
        "STOPPING": "About to end before its time.",
        "STOPPED": "Ended before its time.",
        "IN_SERVICE": "Answering requests.",
        "OUT_OF_SERVICE": "No longer answering requests.",
    },
)

described(
    kinds.SourceIdType,
    "What a source id is.",
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
        "STRING": "Text.",
        "INTEGER": "An integer of 64 bits.",
        "FLOAT": "A floating-point number of 64 bits.",
        "BOOLEAN": "True or false.",
        "TIMESTAMP": "A moment, shown as RFC 3339 text.",
        "JSON": "An array, an object, or any other JSON.",
    },
)

described(
    kinds.LineageDirection,
    "Which way a traversal goes.",
    {
        "ASCENDANTS": "To all that contributed to the start.",
        "DESCENDANTS": "To all that the start contributed to.",
        "BOTH": "To ascendants and descendants of the start.",
        "CONNECTED": "Along every association, turning round at every entity; never returns its starts.",
    },
)

described(
    EntityOrderField,
    "What entities are ordered by. Those without it come last either way; ties are by URN.",
    {
        "URN": "Its URN.",
        "NAME": "Its name.",
        "VERSION": "Its version, as text.",
        "KIND": "The name of its kind.",
        "ACCOUNT": "The account it belongs to.",
        "TYPE": "Its free subtype.",
        "STATUS": "The name of its status.",
        "SOURCE_URI": "The URI of its source.",
        "OCCURRED_AT": "When it happened.",
        "RECORDED_AT": "When it was recorded here.",
        "RECORDED_BY": "Who recorded it.",
        "PROPERTY": "The property of `propertyKey`: booleans, then numbers, texts, timestamps, and JSON by its "
        "canonical text. Over at most 100,000 matches.",
    },
)

described(
    kinds.OrderDirection,
    "Which way an order goes.",
    {"ASCENDING": "The least first; texts by code point.", "DESCENDING": "The greatest first."},
)

described(
    kinds.Combine,
    "How the lineages of several starts are combined.",
    {
        "UNION": "What any of them reaches, at the least distance.",
        "INTERSECTION": "What each of them reaches, with the least of the distances.",
    },
)

described(
    kinds.IncompleteReason,
    "Why an answer is not everything there is.",
    {
        "DEPTH": "Something lies at the depth asked for from which the traversal could have gone on.",
        "PAGE": "There is a next page.",
        "VISIT_LIMIT": "The server's limit on visited entities cut the traversal; the next page goes on from there.",
        "DEADLINE": "The server's deadline cut the traversal; the next page goes on from there.",
        "POLICY": "Entities were met that may not be seen, and their owners let it be told.",
    },
)

described(
    kind_fields.TrialStage,
    "Which part of a trial a component is.",
    {
        "PREPROCESSING": "It prepares data.",
        "TRAINING": "It trains a model.",
        "POSTPROCESSING": "It evaluates or packs a model.",
    },
)

described(
    comparison.MetricGoal,
    "Which values of a metric are the better ones.",
    {"MINIMUM": "The smaller ones: of a loss.", "MAXIMUM": "The greater ones: of an accuracy."},
)

described(
    comparison.MetricValue,
    "Which value of a metric counts.",
    {"LAST": "That of the greatest step and time.", "MIN": "The least.", "MAX": "The greatest."},
)

described(
    kind_fields.ReviewDecision,
    "What was decided on a model version.",
    {
        "APPROVED": "It may be used.",
        "REJECTED": "It may not be used.",
        "PENDING": "It waits for a decision, again or still.",
    },
)

_PROBLEMS = {
    "INVALID_VALUE": "A value that cannot be recorded.",
    "TOO_LARGE": "A value, or the whole request, above its limit.",
    "SELF_ASSOCIATION": "An association of an entity with itself.",
    "NOT_FOUND": "An entity that is neither recorded nor part of the batch.",
    "IMMUTABLE_CONFLICT": "Something stands under this identity with other content.",
    "IDEMPOTENCY_MISMATCH": "The idempotencyKey was used for another request in the last 24 hours.",
    "FORBIDDEN": "A permission is lacking; the message says which, and on what.",
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
    IMMUTABLE_CONFLICT = ProblemCode.IMMUTABLE_CONFLICT
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


described(LineageRecordErrorCode, "Why a lineageRecord wrote nothing.", _PROBLEMS)
described(EntityReviseErrorCode, "Why an entityRevise wrote nothing.", _PROBLEMS)
described(ObservationsRecordErrorCode, "Why an observationsRecord wrote nothing.", _PROBLEMS)
described(ModelVersionRegisterErrorCode, "Why a modelVersionRegister wrote nothing.", _PROBLEMS)
described(ModelVersionReviewErrorCode, "Why a modelVersionReview wrote nothing.", _PROBLEMS)
