"""The closed sets of the domain: kinds, lineage types, association types, statuses, property types."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class LineageType(StrEnum):
    """The six families of kinds; RESTRICTED is the family of an entity whose kind is hidden from the caller."""

    EXPERIMENT = "EXPERIMENT"
    TRIAL = "TRIAL"
    TRIAL_COMPONENT = "TRIAL_COMPONENT"
    ARTIFACT = "ARTIFACT"
    ACTION = "ACTION"
    CONTEXT = "CONTEXT"
    RESTRICTED = "RESTRICTED"


class EntityKind(StrEnum):
    """Kind of an entity. RESTRICTED stands for a kind that is hidden from the caller, and is never recorded."""

    EXPERIMENT = "EXPERIMENT"
    TRIAL = "TRIAL"
    TRIAL_COMPONENT = "TRIAL_COMPONENT"
    DATASET = "DATASET"
    FEATURE_GROUP = "FEATURE_GROUP"
    FEATURE = "FEATURE"
    MODEL = "MODEL"
    MODEL_VERSION = "MODEL_VERSION"
    CHECKPOINT = "CHECKPOINT"
    IMAGE = "IMAGE"
    CODE = "CODE"
    LIBRARY = "LIBRARY"
    ENVIRONMENT = "ENVIRONMENT"
    SERVICE = "SERVICE"
    PARAMETERS = "PARAMETERS"
    REPORT = "REPORT"
    OUTPUT = "OUTPUT"
    TEMPLATE = "TEMPLATE"
    ARTIFACT = "ARTIFACT"
    TRAINING_JOB = "TRAINING_JOB"
    PROCESSING_JOB = "PROCESSING_JOB"
    TRANSFORM_JOB = "TRANSFORM_JOB"
    PIPELINE_EXECUTION = "PIPELINE_EXECUTION"
    DEPLOYMENT = "DEPLOYMENT"
    APPROVAL = "APPROVAL"
    ACTION = "ACTION"
    ENDPOINT = "ENDPOINT"
    MODEL_GROUP = "MODEL_GROUP"
    PIPELINE = "PIPELINE"
    PROJECT = "PROJECT"
    CONTEXT = "CONTEXT"
    RESTRICTED = "RESTRICTED"


_ACTIONS = "TRAINING_JOB PROCESSING_JOB TRANSFORM_JOB PIPELINE_EXECUTION DEPLOYMENT APPROVAL ACTION".split()
_CONTEXTS = "ENDPOINT MODEL_GROUP PIPELINE PROJECT CONTEXT".split()


def _lineage_type(kind: EntityKind) -> LineageType:
    if kind in _ACTIONS:
        return LineageType.ACTION
    if kind in _CONTEXTS:
        return LineageType.CONTEXT
    if kind in ("EXPERIMENT", "TRIAL", "TRIAL_COMPONENT", "RESTRICTED"):
        return LineageType(kind)
    return LineageType.ARTIFACT


LINEAGE_TYPE: Final = MappingProxyType({kind: _lineage_type(kind) for kind in EntityKind})
"""The lineage type of every kind."""


class AssociationType(StrEnum):
    """Relation of a source to its destination. Walks cross SAME_AS in both directions."""

    ASSOCIATED_WITH = "ASSOCIATED_WITH"
    CONTRIBUTED_TO = "CONTRIBUTED_TO"
    DERIVED_FROM = "DERIVED_FROM"
    PRODUCED = "PRODUCED"
    SAME_AS = "SAME_AS"


class EntityStatus(StrEnum):
    """Status of an entity in its life cycle."""

    UNKNOWN = "UNKNOWN"
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    IN_SERVICE = "IN_SERVICE"
    OUT_OF_SERVICE = "OUT_OF_SERVICE"


class SourceIdType(StrEnum):
    """Type of a source id: a digest, or the version that a storage system assigned."""

    MD5 = "MD5"
    SHA256 = "SHA256"
    S3_ETAG = "S3_ETAG"
    S3_VERSION = "S3_VERSION"
    CUSTOM = "CUSTOM"


class PropertyType(StrEnum):
    """The type of a property's value. Values of different types are never equal, save numbers."""

    STRING = "STRING"
    INTEGER = "INTEGER"
    FLOAT = "FLOAT"
    BOOLEAN = "BOOLEAN"
    TIMESTAMP = "TIMESTAMP"
    JSON = "JSON"


NUMBERS: Final = (PropertyType.INTEGER, PropertyType.FLOAT)
"""Types whose values compare as numbers."""


class LineageDirection(StrEnum):
    """Direction of a walk."""

    ASCENDANTS = "ASCENDANTS"
    DESCENDANTS = "DESCENDANTS"
    BOTH = "BOTH"
    CONNECTED = "CONNECTED"


class OrderDirection(StrEnum):
    """Direction of an order."""

    ASCENDING = "ASCENDING"
    DESCENDING = "DESCENDING"


class Combine(StrEnum):
    """Combination of the entities reached from several starts."""

    UNION = "UNION"
    INTERSECTION = "INTERSECTION"


class IncompleteReason(StrEnum):
    """Reason why an answer is incomplete."""

    DEPTH = "DEPTH"
    PAGE = "PAGE"
    VISIT_LIMIT = "VISIT_LIMIT"
    DEADLINE = "DEADLINE"
    POLICY = "POLICY"
