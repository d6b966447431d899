"""Drawn histories with kinds that have fields for related entities."""

from dataclasses import replace

from lineal.graphstore.batches import Batch
from lineal.graphstore.kinds import AssociationType, EntityKind, PropertyType
from lineal.graphstore.values import Property

KINDS_OF_TRIALS = {"DATASET": "EXPERIMENT", "MODEL": "TRIAL_COMPONENT", "ENDPOINT": "DATASET"}
KINDS_OF_REGISTRIES = {"DATASET": "MODEL_GROUP", "MODEL": "MODEL_VERSION", "TRAINING_JOB": "APPROVAL", "TRIAL": "MODEL"}
KINDS_OF_PIPELINES = {"MODEL": "FEATURE", "TRAINING_JOB": "PROCESSING_JOB", "TRIAL": "PIPELINE"}
"""By the kind that is drawn."""

SOME = "(first: 100) { totalCount countsByKind { kind count } nodes { urn } }"
DECISION = "urn decision reason by at modelVersion { urn }"
TYPED = f"""... on Dataset {{ uri objectVersion features{SOME} }} ... on Feature {{ dataset {{ urn }} }}
  ... on Model {{ groups{SOME} }}
  ... on ModelGroup {{ versions{SOME} latestApproved {{ urn }} }}
  ... on ModelVersion {{ number group {{ urn }} model {{ urn }} approval {{ {DECISION} }}
    approvals(first: 100) {{ totalCount nodes {{ {DECISION} }} }} }}
  ... on Approval {{ {DECISION} }} ... on Endpoint {{ modelVersions{SOME} }}
  ... on Experiment {{ trials{SOME} }} ... on Trial {{ experiment {{ urn }} components{SOME} }}
  ... on TrialComponent {{ stage }} ... on Execution {{ parameters {{ key value }} inputs{SOME} outputs{SOME} }}
  ... on ProcessingJob {{ pipeline {{ urn }} parent {{ urn }} children{SOME} }}
  ... on Pipeline {{ runs{SOME} latestRun {{ urn }} inputs{SOME} outputs{SOME} }}"""
"""The typed fields of kinds, except times of recording and cursors."""


def as_of_kinds(batch: Batch, kinds: dict[str, str]) -> Batch:
    """A batch with other kinds in place of those drawn; `k` is a decision, and what was derived is associated."""

    def renamed(urn: str) -> str:
        kind = urn.split(":")[2]
        return urn.replace(f":{kind}:", f":{kinds.get(kind, kind)}:", 1)

    def decided(properties: tuple[Property, ...]) -> tuple[Property, ...]:
        approved = Property("decision", PropertyType.STRING, "APPROVED")
        return tuple(approved if each.key == "k" else each for each in properties)

    entities = [
        replace(each, kind=EntityKind(kinds.get(each.kind, each.kind)), properties=decided(each.properties))
        for each in batch.entities
    ]
    grouping = {AssociationType.DERIVED_FROM: AssociationType.ASSOCIATED_WITH}
    ties = [
        replace(
            each,
            source=renamed(each.source),
            destination=renamed(each.destination),
            type=grouping.get(each.type, each.type),
        )
        for each in batch.associations
    ]
    revisions = [
        replace(each, entity=renamed(each.entity), properties=decided(each.properties)) for each in batch.revisions
    ]
    observations = [replace(each, entity=renamed(each.entity)) for each in batch.observations]
    return Batch(tuple(entities), tuple(ties), tuple(revisions), tuple(observations))
