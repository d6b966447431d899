"""Small integers for kinds and association types, and keys: what engines keep and walks count with.

An entity's key is an integer of at most 63 bits, whose lowest `KIND_BITS` are the code of its kind, so that kinds are
filtered and counted on the keys themselves. What the upper bits are is the engine's affair.
"""

from collections.abc import Iterable
from typing import Final

from lineal.graphstore.kinds import AssociationType, EntityKind

# Codes are in databases: only ever append.
KIND_CODES: Final = {
    kind: code
    for code, kind in enumerate(
        map(
            EntityKind,
            "EXPERIMENT TRIAL TRIAL_COMPONENT DATASET FEATURE_GROUP FEATURE MODEL MODEL_VERSION CHECKPOINT IMAGE CODE "
            "LIBRARY ENVIRONMENT SERVICE PARAMETERS REPORT OUTPUT TEMPLATE ARTIFACT TRAINING_JOB PROCESSING_JOB "
            "TRANSFORM_JOB PIPELINE_EXECUTION DEPLOYMENT APPROVAL ACTION ENDPOINT MODEL_GROUP PIPELINE PROJECT "
            "CONTEXT".split(),
        )
    )
}
KIND_BITS: Final = 6
KIND_MASK: Final = (1 << KIND_BITS) - 1
RESTRICTED: Final = KIND_MASK
"""The code in the key of what is shown as restricted, in place of its own; no entity's key has it."""
KINDS: Final = {code: kind for kind, code in KIND_CODES.items()} | {RESTRICTED: EntityKind.RESTRICTED}

# In the order of their names, which is the order associations are listed in.
TYPES: Final = tuple(sorted(AssociationType))
TYPE_CODES: Final = {type: code for code, type in enumerate(TYPES)}
SAME_AS: Final = TYPE_CODES[AssociationType.SAME_AS]

AssociationKey = tuple[int, int, int, str]
"""Source key, type code, destination key, role ('' for none)."""
ObservationKey = tuple[int, str, int, int, int]
"""Entity key, metric, step, `occurred_at`, value in its sortable form."""


def kind_codes(kinds: Iterable[EntityKind]) -> frozenset[int]:
    """The codes of some kinds; RESTRICTED, which no entity is recorded with, has none."""
    return frozenset(KIND_CODES[kind] for kind in kinds if kind in KIND_CODES)
