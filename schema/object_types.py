"""The GraphQL object type of every entity kind."""

from typing import Any, Final

from lineal.graphstore.kinds import EntityKind
from lineal.schema.artifacts import Code, Dataset, Feature, Image
from lineal.schema.endpoints import Endpoint
from lineal.schema.entities import Entity, of_kind, type_name
from lineal.schema.executions import Pipeline, PipelineExecution, ProcessingJob, TrainingJob, TransformJob
from lineal.schema.models import Approval, Model, ModelGroup, ModelVersion
from lineal.schema.trials import Experiment, Trial, TrialComponent

_SPECIFIC: Final[dict[EntityKind, type[Any]]] = {
    EntityKind.APPROVAL: Approval,
    EntityKind.CODE: Code,
    EntityKind.DATASET: Dataset,
    EntityKind.ENDPOINT: Endpoint,
    EntityKind.EXPERIMENT: Experiment,
    EntityKind.FEATURE: Feature,
    EntityKind.IMAGE: Image,
    EntityKind.MODEL: Model,
    EntityKind.MODEL_GROUP: ModelGroup,
    EntityKind.MODEL_VERSION: ModelVersion,
    EntityKind.PIPELINE: Pipeline,
    EntityKind.PIPELINE_EXECUTION: PipelineExecution,
    EntityKind.PROCESSING_JOB: ProcessingJob,
    EntityKind.TRAINING_JOB: TrainingJob,
    EntityKind.TRANSFORM_JOB: TransformJob,
    EntityKind.TRIAL: Trial,
    EntityKind.TRIAL_COMPONENT: TrialComponent,
}


def _common(kind: EntityKind) -> type[Any]:
    return of_kind(kind)(type(type_name(kind), (Entity,), {"__annotations__": {}, "__module__": __name__}))


TYPES: Final = {kind: _SPECIFIC.get(kind) or _common(kind) for kind in EntityKind}
"""The object type by kind."""
