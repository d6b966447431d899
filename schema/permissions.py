"""The closed sets of access, with what each value means."""

from enum import StrEnum

from lineal.auth.operations.base import RefusalCode
from lineal.auth.permissions import Permission
from lineal.auth.records import InvitationState
from lineal.auth.scopes import Boundary
from lineal.schema.enums import described

described(
    Permission,
    "An action on the entities of a lineage group, or on the group itself. In policies it is named `ReadProperties`.",
    {
        "READ": "An entity's record.",
        "READ_PROPERTIES": "An entity's property keys and values; without it every key is hidden.",
        "TRAVERSE": "Crossing an entity in a traversal.",
        "RECORD": "Recording entities of the account, and revisions.",
        "ASSOCIATE": "Recording associations from or to an entity.",
        "APPROVE": "Deciding on a model version.",
        "DELETE": "Deleting entities.",
        "READ_DELETED": "What is left of deleted entities.",
        "SHARE": "Making and changing groups, sharing them, and answering invitations.",
        "ADMINISTER": "Policies, keys and explanations.",
        "READ_COST": "What lineage cost.",
        "READ_AUDIT": "The account's audit log.",
    },
)

described(
    Boundary,
    "What a traversal does that meets an entity the caller may not read. Where several groups say, the strictest "
    "counts: CUT, then BRIDGE, then MASK.",
    {
        "CUT": "As if it were not there.",
        "BRIDGE": "It is crossed, and not shown.",
        "MASK": "It is shown as Restricted, and crossed.",
    },
)

described(
    InvitationState,
    "What became of an invitation. Only ACCEPTED gives anything.",
    {
        "PENDING": "Nobody has answered.",
        "ACCEPTED": "It was accepted.",
        "REJECTED": "It was rejected, or given up, for good.",
        "EXPIRED": "The share's time is over.",
    },
)

_REASONS = {
    "INVALID_VALUE": "A value that cannot be taken.",
    "TOO_LARGE": "More than one request may hold.",
    "NOT_FOUND": "Nothing of this id is there to be seen.",
    "FORBIDDEN": "A permission is lacking; the message says which, and on what.",
    "CONFLICT": "What stands already is in the way.",
    "EXPIRED": "The share's time is over.",
    "IDEMPOTENCY_MISMATCH": "The idempotencyKey was used for another request in the last 24 hours.",
    "INVALID_POLICY": "The policy does not parse, or does not fit the schema of policies.",
}


class LineageGroupCreateErrorCode(StrEnum):
    INVALID_VALUE = RefusalCode.INVALID_VALUE
    TOO_LARGE = RefusalCode.TOO_LARGE
    NOT_FOUND = RefusalCode.NOT_FOUND
    FORBIDDEN = RefusalCode.FORBIDDEN
    CONFLICT = RefusalCode.CONFLICT
    IDEMPOTENCY_MISMATCH = RefusalCode.IDEMPOTENCY_MISMATCH


class LineageGroupChangeErrorCode(StrEnum):
    INVALID_VALUE = RefusalCode.INVALID_VALUE
    TOO_LARGE = RefusalCode.TOO_LARGE
    NOT_FOUND = RefusalCode.NOT_FOUND
    FORBIDDEN = RefusalCode.FORBIDDEN
    CONFLICT = RefusalCode.CONFLICT


class LineageGroupPolicySetErrorCode(StrEnum):
    NOT_FOUND = RefusalCode.NOT_FOUND
    FORBIDDEN = RefusalCode.FORBIDDEN
    CONFLICT = RefusalCode.CONFLICT
    INVALID_POLICY = RefusalCode.INVALID_POLICY


class ResourceShareCreateErrorCode(StrEnum):
    INVALID_VALUE = RefusalCode.INVALID_VALUE
    TOO_LARGE = RefusalCode.TOO_LARGE
    NOT_FOUND = RefusalCode.NOT_FOUND
    FORBIDDEN = RefusalCode.FORBIDDEN
    CONFLICT = RefusalCode.CONFLICT
    IDEMPOTENCY_MISMATCH = RefusalCode.IDEMPOTENCY_MISMATCH


class ResourceShareRevokeErrorCode(StrEnum):
    NOT_FOUND = RefusalCode.NOT_FOUND
    FORBIDDEN = RefusalCode.FORBIDDEN
    CONFLICT = RefusalCode.CONFLICT


class InvitationAcceptErrorCode(StrEnum):
    NOT_FOUND = RefusalCode.NOT_FOUND
    FORBIDDEN = RefusalCode.FORBIDDEN
    CONFLICT = RefusalCode.CONFLICT
    EXPIRED = RefusalCode.EXPIRED


class InvitationRejectErrorCode(StrEnum):
    NOT_FOUND = RefusalCode.NOT_FOUND
    FORBIDDEN = RefusalCode.FORBIDDEN
    CONFLICT = RefusalCode.CONFLICT
    EXPIRED = RefusalCode.EXPIRED


class AccountCreateErrorCode(StrEnum):
    INVALID_VALUE = RefusalCode.INVALID_VALUE
    FORBIDDEN = RefusalCode.FORBIDDEN
    CONFLICT = RefusalCode.CONFLICT
    IDEMPOTENCY_MISMATCH = RefusalCode.IDEMPOTENCY_MISMATCH


class ApiKeyCreateErrorCode(StrEnum):
    INVALID_VALUE = RefusalCode.INVALID_VALUE
    TOO_LARGE = RefusalCode.TOO_LARGE
    NOT_FOUND = RefusalCode.NOT_FOUND
    FORBIDDEN = RefusalCode.FORBIDDEN
    CONFLICT = RefusalCode.CONFLICT
    IDEMPOTENCY_MISMATCH = RefusalCode.IDEMPOTENCY_MISMATCH


class ApiKeyRevokeErrorCode(StrEnum):
    NOT_FOUND = RefusalCode.NOT_FOUND
    CONFLICT = RefusalCode.CONFLICT


for _codes in (
    LineageGroupCreateErrorCode,
    LineageGroupChangeErrorCode,
    LineageGroupPolicySetErrorCode,
    ResourceShareCreateErrorCode,
    ResourceShareRevokeErrorCode,
    InvitationAcceptErrorCode,
    InvitationRejectErrorCode,
    AccountCreateErrorCode,
    ApiKeyCreateErrorCode,
    ApiKeyRevokeErrorCode,
):
    _mutation = _codes.__name__[0].lower() + _codes.__name__[1:].removesuffix("ErrorCode")
    described(_codes, f"Why {_mutation} changed nothing.", _REASONS)
