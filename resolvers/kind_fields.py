"""Typed fields of kinds that are derived from the entity's own record, without the store."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from lineal.graphstore.kinds import PropertyType, SourceIdType
from lineal.graphstore.records import Entity
from lineal.graphstore.values import Property

SHA256_PREFIX: Final = "sha256:"
PARAMETER_PREFIXES: Final = ("hyperparameters.", "parameters.")
"""Prefixes of the keys of parameters."""
DECISION_KEYS: Final = ("decision", "reason")
"""Keys of the properties that hold an approval's decision and reason."""


class TrialStage(StrEnum):
    """Stage of a trial component."""

    PREPROCESSING = "PREPROCESSING"
    TRAINING = "TRAINING"
    POSTPROCESSING = "POSTPROCESSING"


class ReviewDecision(StrEnum):
    """Decision on a model version."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    PENDING = "PENDING"


def text(entity: Entity, key: str) -> str | None:
    """The value of a string property; None where the entity has none of this key and type."""
    match = next((property for property in entity.properties if property.key == key), None)
    return str(match.value) if match is not None and match.type is PropertyType.STRING else None


def stage(entity: Entity) -> TrialStage | None:
    """The stage of a trial component, from its property `stage`."""
    word = text(entity, "stage")
    return TrialStage(word) if word in list(TrialStage) else None


def decision(entity: Entity) -> ReviewDecision | None:
    """The decision of an approval, from its property `decision`."""
    word = text(entity, "decision")
    return ReviewDecision(word) if word in list(ReviewDecision) else None


def number(entity: Entity) -> int | None:
    """The number of a model version: its `version`, if that is a decimal of at least 1 without leading zeros."""
    version = entity.version or ""
    is_number = version.isascii() and version.isdigit() and version[0] != "0" and len(version) <= 10
    return int(version) if is_number and int(version) < 2**31 else None


def parameters(entity: Entity) -> Sequence[Property]:
    """The properties that are parameters, by key."""
    return [property for property in entity.properties if property.key.startswith(PARAMETER_PREFIXES)]


def uri(entity: Entity) -> str | None:
    """The address of the entity's source."""
    return None if entity.source is None else entity.source.uri


def source_id(entity: Entity, type: SourceIdType) -> str | None:
    """The first id of a type of the entity's source."""
    return (
        next((source_id.value for source_id in entity.source.ids if source_id.type is type), None)
        if entity.source
        else None
    )


def object_version(entity: Entity) -> str | None:
    """The version of a dataset's stored object: the S3_VERSION of its source, else its `version`."""
    return source_id(entity, SourceIdType.S3_VERSION) or entity.version


def digest_value(entity: Entity) -> str | None:
    """The digest of an image, `sha256:...`: the SHA256 of its source, else its `version` if that is a digest."""
    digest = source_id(entity, SourceIdType.SHA256)
    if digest is not None:
        return digest if digest.startswith(SHA256_PREFIX) else SHA256_PREFIX + digest
    version = entity.version or ""
    return version if version.startswith(SHA256_PREFIX) else None


def repository(entity: Entity) -> str | None:
    """The repository of code: the address of its source, else its property `repository`."""
    return uri(entity) or text(entity, "repository")


def commit(entity: Entity) -> str | None:
    """The commit of code: its `version`, else its property `commit`."""
    return entity.version or text(entity, "commit")
