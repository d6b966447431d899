"""Enums of access, with a description of each value, and the error codes of the mutations that a permission guards."""

from enum import StrEnum

from lineal.auth.operations.base import RefusalCode
from lineal.auth.permissions import Permission
from lineal.auth.records import InvitationState
from lineal.auth.scopes import Boundary
from lineal.schema.enums import described

described(
    Permission,
    "Action on the entities of a lineage group, or on the group itself. Policies write READ_PROPERTIES as "
    '`Lineal::Action::"ReadProperties"`, error texts as `lineage:ReadProperties`.',
    {
        "READ": "Read an entity and its fields, except its properties.",
        "READ_PROPERTIES": "Read an entity's property keys and values. Without it, every key is hidden.",
        "TRAVERSE": "Cross an entity in a traversal. Crossing also needs READ.",
        "RECORD": "Record entities of the account, revisions of them and observations on them.",
        "ASSOCIATE": "Record associations from or to an entity.",
        "APPROVE": "Approve or reject a model version.",
        "DELETE": "Delete entities. No field needs it yet.",
        "READ_DELETED": "Read the remains of deleted entities. No field needs it yet.",
        "SHARE": "Create, change and share lineage groups, and answer invitations.",
        "ADMINISTER": "Set policies, create and revoke API keys, and explain access. On an operator account, also "
        "register accounts.",
        "READ_COST": "Read the cost of lineage. No field needs it yet.",
        "READ_AUDIT": "Read the account's audit log.",
        "MANAGE_QUARANTINE": "Read, retry and discard the OpenLineage documents of the account that were refused.",
    },
)

described(
    Boundary,
    "What a traversal does at an entity that the caller may not read. Of several groups, the strictest boundary "
    "applies: CUT before BRIDGE before MASK.",
    {
        "CUT": "The traversal ends there, as if the entity did not exist.",
        "BRIDGE": "The traversal crosses the entity without returning it.",
        "MASK": "The traversal returns the entity as Restricted, and crosses it.",
    },
)

described(
    InvitationState,
    "State of an invitation. Its share allows something only when ACCEPTED.",
    {
        "PENDING": "Nobody has accepted or rejected it.",
        "ACCEPTED": "The receiving account accepted it.",
        "REJECTED": "The receiving account rejected it, or gave it up after accepting. This is final.",
        "EXPIRED": "The share has expired.",
    },
)

_REASONS = {
    "INVALID_VALUE": "A value is not valid; the message says why.",
    "TOO_LARGE": "A list is longer than one request may hold.",
    "NOT_FOUND": "Nothing with this id exists, or the caller may not know of it.",
    "FORBIDDEN": "The caller lacks a permission; the message names it and the object.",
    "CONFLICT": "Something recorded earlier conflicts with the request.",
    "EXPIRED": "The share has expired.",
    "IDEMPOTENCY_MISMATCH": "The idempotencyKey was used for another request in the last 24 hours.",
    "INVALID_POLICY": "The policy does not parse, or does not fit the Cedar schema.",
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


class QuarantineRetryErrorCode(StrEnum):
    TOO_LARGE = RefusalCode.TOO_LARGE
    NOT_FOUND = RefusalCode.NOT_FOUND
    FORBIDDEN = RefusalCode.FORBIDDEN


class QuarantineDiscardErrorCode(StrEnum):
    TOO_LARGE = RefusalCode.TOO_LARGE
    NOT_FOUND = RefusalCode.NOT_FOUND
    FORBIDDEN = RefusalCode.FORBIDDEN


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
    QuarantineRetryErrorCode,
    QuarantineDiscardErrorCode,
):
    _mutation = _codes.__name__[0].lower() + _codes.__name__[1:].removesuffix("ErrorCode")
    described(_codes, f"Code of the problem that kept {_mutation} from changing anything.", _REASONS)
