"""What the record of one entity says of it under the names of its kind: nothing is asked of the store."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from lineal.graphstore.kinds import PropertyType, SourceIdType
from lineal.graphstore.records import Entity
from lineal.graphstore.values import Property

SHA256_PREFIX: Final = "sha256:"
PARAMETER_PREFIXES: Final = ("hyperparameters.", "parameters.")
"""What the keys of parameters begin with."""
DECISION_KEYS: Final = ("decision", "reason")
"""The properties of an approval that say what was decided, and why."""


class TrialStage(StrEnum):
    """Which part of a trial a component is."""

    PREPROCESSING = "PREPROCESSING"
    TRAINING = "TRAINING"
    POSTPROCESSING = "POSTPROCESSING"


class ReviewDecision(StrEnum):
    """What was decided on a model version."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    PENDING = "PENDING"


def text(entity: Entity, key: str) -> str | None:
    """The text of a property; None where there is none, or it is no text."""
    found = next((each for each in entity.properties if each.key == key), None)
    return str(found.value) if found is not None and found.type is PropertyType.STRING else None


def stage(entity: Entity) -> TrialStage | None:
    """The stage of a trial component, as its property `stage` says."""
    word = text(entity, "stage")
    return TrialStage(word) if word in list(TrialStage) else None


def decision(entity: Entity) -> ReviewDecision | None:
    """The decision of an approval, as its property `decision` says."""
    word = text(entity, "decision")
    return ReviewDecision(word) if word in list(ReviewDecision) else None


def number(entity: Entity) -> int | None:
    """The number of a model version: its `version`, where that is one from 1 on in decimal, without leading zeros."""
    version = entity.version or ""
    is_number = version.isascii() and version.isdigit() and version[0] != "0" and len(version) <= 10
    return int(version) if is_number and int(version) < 2**31 else None


def parameters(entity: Entity) -> Sequence[Property]:
    """The properties that are parameters, by key."""
    return [each for each in entity.properties if each.key.startswith(PARAMETER_PREFIXES)]


def uri(entity: Entity) -> str | None:
    """Where it lies."""
    return None if entity.source is None else entity.source.uri


def source_id(entity: Entity, type: SourceIdType) -> str | None:
    """The first of its source's ids of a type."""
    return next((each.value for each in entity.source.ids if each.type is type), None) if entity.source else None


def object_version(entity: Entity) -> str | None:
    """Which version of the stored object a dataset is: its source's own word, else its `version`."""
    return source_id(entity, SourceIdType.S3_VERSION) or entity.version


def digest_value(entity: Entity) -> str | None:
    """An image's digest as registries write it, `sha256:...`: of its source, else its `version` where that is one."""
    given = source_id(entity, SourceIdType.SHA256)
    if given is not None:
        return given if given.startswith(SHA256_PREFIX) else SHA256_PREFIX + given
    version = entity.version or ""
    return version if version.startswith(SHA256_PREFIX) else None


def repository(entity: Entity) -> str | None:
    """Where code is kept: the address of its source, else its property `repository`."""
    return uri(entity) or text(entity, "repository")


def commit(entity: Entity) -> str | None:
    """Which commit code is: its `version`, else its property `commit`."""
    return entity.version or text(entity, "commit")
