"""The form that filters are compiled to: and, or and not over atoms, and the tables that engines translate it by.

An atom asks one thing of one field: a field, an operator and an operand. It holds only where the field is present: an
absent field satisfies no atom, EXISTS included. Each engine translates atoms by a table with one row a field, which it
passes to `checked` when it is imported, so that a field or an operator without a translation stops the server from
starting.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final, TypeAlias, TypeVar

from lineal.graphstore.kinds import PropertyType


class EntityField(Enum):
    """The fields of an entity that atoms ask about; the most selective first."""

    URN = "urn"
    NAME = "name"
    SOURCE_URI = "source_uri"
    VERSION = "version"
    PROPERTY = "property"
    TAG = "tag"
    TYPE = "type"
    STATUS = "status"
    OCCURRED_AT = "occurred_at"
    RECORDED_AT = "recorded_at"
    RECORDED_BY = "recorded_by"
    KIND = "kind"
    ACCOUNT = "account"


class AssociationField(Enum):
    """The fields of an association that atoms ask about; the most selective first."""

    ROLE = "role"
    PROPERTY = "property"
    OCCURRED_AT = "occurred_at"
    RECORDED_AT = "recorded_at"
    TYPE = "type"


Field: TypeAlias = EntityField | AssociationField


class Operator(StrEnum):
    """What an atom asks of its field."""

    IN = "in"
    STARTS_WITH = "starts with"
    CONTAINS = "contains"
    RANGE = "range"
    EXISTS = "exists"


NUMBER: Final = PropertyType.FLOAT
"""The type under which integers and floats are compared."""

Value: TypeAlias = tuple[PropertyType, str | int | float | bool]
"""A value that a property is compared with: its type (NUMBER for a number), and JSON as canonical text."""


@dataclass(frozen=True, slots=True)
class Range:
    """The values between two bounds; None is no bound."""

    low: Any = None
    high: Any = None
    includes_low: bool = False
    includes_high: bool = False


@dataclass(frozen=True, slots=True)
class Atom:
    """One thing asked of one field.

    The operand of IN is a frozenset that is never empty: of texts or enum members; for a property, of `Value`. The
    operand of RANGE is a `Range` of times; for a property, pairs of a type and the `Range` of that type's values. The
    operand of STARTS_WITH and CONTAINS is a text. EXISTS has none. `key` is a property's. Where the atom is `folded`,
    its texts are case-folded, and the field is to be case-folded before it is compared.
    """

    field: Field
    operator: Operator
    operand: Any = None
    key: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Expression"


Expression: TypeAlias = Atom | And | Or | Not
ALWAYS: Final = And(())
NEVER: Final = Or(())

Result = TypeVar("Result")


def translated(
    expression: Expression,
    atom: Callable[[Atom], Result],
    all_of: Callable[[list[Result]], Result],
    any_of: Callable[[list[Result]], Result],
    negated: Callable[[Result], Result],
) -> Result:
    """An expression in another form: `atom` translates its atoms, the others combine the translations."""
    match expression:
        case Atom():
            return atom(expression)
        case And(parts):
            return all_of([translated(part, atom, all_of, any_of, negated) for part in parts])
        case Or(parts):
            return any_of([translated(part, atom, all_of, any_of, negated) for part in parts])
        case Not(part):
            return negated(translated(part, atom, all_of, any_of, negated))


# -- simplification --

_FIELD_ORDER: Final = {field: place for fields in (EntityField, AssociationField) for place, field in enumerate(fields)}
_OPERATOR_ORDER: Final = {operator: place for place, operator in enumerate(Operator)}
_ORDER_OF_OR: Final = (_FIELD_ORDER[EntityField.STATUS], len(Operator))
_ORDER_OF_NOT: Final = (len(EntityField), 0)


def _order(part: Expression) -> tuple[int, int]:
    match part:
        case Atom(field, operator):
            return _FIELD_ORDER[field], _OPERATOR_ORDER[operator]
        case Not():
            return _ORDER_OF_NOT
    return _ORDER_OF_OR


def conjunction(parts: Iterable[Expression]) -> Expression:
    """The expression that holds where all parts hold; the most selective parts first."""
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, And) else (part,)
    if NEVER in flat:
        return NEVER
    flat = sorted(dict.fromkeys(flat), key=_order)
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def conjuncts(expression: Expression) -> tuple[Expression, ...]:
    """The parts that all hold where an expression holds."""
    return expression.parts if isinstance(expression, And) else (expression,)


def disjunction(parts: Iterable[Expression]) -> Expression:
    """The expression that holds where at least one part holds."""
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, Or) else (part,)
    if ALWAYS in flat:
        return ALWAYS
    flat = list(dict.fromkeys(flat))
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def negation(part: Expression) -> Expression:
    """The expression that holds where the part does not."""
    if part == ALWAYS:
        return NEVER
    if part == NEVER:
        return ALWAYS
    return part.part if isinstance(part, Not) else Not(part)


# -- tables of engines --

_WORDS: Final = frozenset({Operator.IN})
_TEXT: Final = frozenset({Operator.IN, Operator.STARTS_WITH, Operator.CONTAINS})
_OPTIONAL_TEXT: Final = _TEXT | {Operator.EXISTS}
_TIME: Final = frozenset({Operator.RANGE})

Operators: TypeAlias = Mapping[Field, frozenset[Operator]]

ENTITY_OPERATORS: Final[Operators] = {
    EntityField.URN: _TEXT,
    EntityField.NAME: _TEXT,
    EntityField.SOURCE_URI: _OPTIONAL_TEXT,
    EntityField.VERSION: _OPTIONAL_TEXT,
    EntityField.PROPERTY: frozenset(Operator),
    EntityField.TAG: _WORDS,
    EntityField.TYPE: _WORDS,
    EntityField.STATUS: _WORDS,
    EntityField.OCCURRED_AT: _TIME,
    EntityField.RECORDED_AT: _TIME,
    EntityField.RECORDED_BY: _TEXT,
    EntityField.KIND: _WORDS,
    EntityField.ACCOUNT: _WORDS,
}
"""The operators that atoms on each field of an entity have. A text without EXISTS is never absent."""

ASSOCIATION_OPERATORS: Final[Operators] = {
    AssociationField.ROLE: _OPTIONAL_TEXT,
    AssociationField.PROPERTY: frozenset(Operator),
    AssociationField.OCCURRED_AT: _TIME,
    AssociationField.RECORDED_AT: _TIME,
    AssociationField.TYPE: _WORDS,
}
"""The operators that atoms on each field of an association have."""

OPERATORS: Final[Operators] = {**ENTITY_OPERATORS, **ASSOCIATION_OPERATORS}

Row: TypeAlias = Mapping[Operator, Callable[..., Result]]
"""An engine's translations of the atoms on one field, by operator."""
Table: TypeAlias = Mapping[Field, Row[Result]]
"""An engine's translations, by field."""


def checked(table: Table[Result], operators: Operators) -> Table[Result]:
    """The table. Raises LookupError where it lacks an operator of a field."""
    missing = [
        f"{field.value!r} {operator.value!r}"
        for field, wanted in operators.items()
        for operator in Operator
        if operator in wanted and operator not in table.get(field, {})
    ]
    if missing:
        raise LookupError(f"a filter table has no translation of: {', '.join(missing)}")
    return table
