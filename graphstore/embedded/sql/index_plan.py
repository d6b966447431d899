"""Plans a search: the scans of the index that find all candidates, and the sets of keys that decide without records.

A filter has as many scans as its atoms offer, of which the shortest is run. It has none, and all entities are looked
through, where it is empty, or asks only for kinds (which have an index of their own), or only has `not`, `ne`, `exists:
false` or a `contains` of fewer than three characters.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lineal.graphstore import index_terms
from lineal.graphstore.codes import kind_codes
from lineal.graphstore.content_codec import packed
from lineal.graphstore.embedded.sql.filter_sql import NO_ROW, Condition, atom_condition
from lineal.graphstore.embedded.sql.index_writer import of_word
from lineal.graphstore.embedded.sql.key_sets import (
    Complement,
    Indexed,
    IndexScan,
    Intersection,
    KeySet,
    OfKinds,
    Union,
)
from lineal.graphstore.embedded.sql.visibility import Visibility
from lineal.graphstore.filter_expressions import (
    ENTITY_OPERATORS,
    Atom,
    EntityField,
    Expression,
    Operator,
    Range,
    Row,
    Table,
    checked,
    conjuncts,
    translated,
)
from lineal.graphstore.full_text import LONGEST_WORD, words_of
from lineal.graphstore.kinds import PropertyType

_LAST: Final = "\x7f"
"""Sorts after every character of a term, except of the terms of words."""
_LAST_OF_WORDS: Final = "\U0010ffff"
_JUST_AFTER: Final = "\x01"
"""Sorts a term after an equal one, and before every longer one: no term holds this character."""
_PART: Final = 3
_MOST_PARTS: Final = 16
_KEY: Final = "iif({0} > 0, {0}, (SELECT r.entity FROM revised r WHERE r.document = -{0}))"
_KEYS_OF_TERM: Final = f"SELECT {_KEY.format('t.doc')} AS key FROM term_entry t WHERE t.term"
_LONGEST_PREFIX: Final = 2 * index_terms.MOST_BYTES


@dataclass(frozen=True, slots=True)
class Plan:
    """How the index answers a filter, or one part of a filter.

    `key_set` decides over entities without revisions of which no property is hidden; None where only records decide.
    `scans` each find all candidates. `asks_properties`: hidden properties change the answer. `decider` is the scan, if
    there is one, that selects just the `key_set`.
    """

    key_set: KeySet | None
    scans: tuple[IndexScan, ...] = ()
    asks_properties: bool = False
    decider: IndexScan | None = None


_NOTHING: Final = Plan(NO_ROW, (IndexScan("SELECT 0 AS key WHERE false", ()),))


def plans_of(where: Expression, search: str | None, visibility: Visibility) -> list[Plan]:
    """A plan for each part of a filter and for each word of a search, all of which must hold."""
    occurred_at = visibility.known_from("e")

    def atom_plan(atom: Atom) -> Plan:
        if atom.field is EntityField.OCCURRED_AT:
            return _ranged(atom_condition(atom).occurring(occurred_at))
        return PLAN_TABLE[atom.field][atom.operator](atom)

    parts = [translated(part, atom_plan, _all_of, _any_of, _negated) for part in conjuncts(where)]
    return parts + [_word_plan(word) for word in dict.fromkeys(words_of(search or ""))]


def undecided(plans: Iterable[Plan], driver: IndexScan | None) -> KeySet | None:
    """The key set that decides over the candidates of a scan: of all plans but the one that the scan decides."""
    return _combined(Intersection, [plan for plan in plans if driver is None or plan.decider is not driver])


def scan_of_key(key: str) -> IndexScan:
    """A scan of the entities that were ever recorded or revised with a property key."""
    begin = index_terms.of_key(key).lower()
    return _scan_range(begin, begin + _LAST)


def _combined(kind: type[Intersection] | type[Union], plans: Sequence[Plan]) -> KeySet | None:
    key_sets = tuple(plan.key_set for plan in plans if plan.key_set is not None)
    return kind(key_sets) if len(key_sets) == len(plans) else None


def _all_of(plans: Sequence[Plan]) -> Plan:
    scans = tuple(scan for plan in plans for scan in plan.scans)
    return Plan(_combined(Intersection, plans), scans, any(plan.asks_properties for plan in plans))


def _any_of(plans: Sequence[Plan]) -> Plan:
    if not plans:
        return _NOTHING
    scans = (_united([plan.scans[0] for plan in plans]),) if all(plan.scans for plan in plans) else ()
    return Plan(_combined(Union, plans), scans, any(plan.asks_properties for plan in plans))


def _negated(plan: Plan) -> Plan:
    return Plan(None if plan.key_set is None else Complement(plan.key_set), (), plan.asks_properties)


def _word_plan(word: str) -> Plan:
    scan = _scan_range(of_word(word), of_word(word) + _LAST_OF_WORDS)
    return _decided_by(scan, asks_properties=True) if len(word) <= LONGEST_WORD else Plan(None, (scan,), True)


def _decided_by(scan: IndexScan, asks_properties: bool = False) -> Plan:
    """The plan of a part that holds for exactly the entities that a scan selects."""
    return Plan(Indexed(scan), (scan,), asks_properties, scan)


# -- scans --


def _united(scans: Sequence[IndexScan]) -> IndexScan:
    parameters = tuple(parameter for scan in scans for parameter in scan.parameters)
    return IndexScan(" UNION ALL ".join(scan.sql for scan in scans), parameters)


def _scan_terms(terms: Iterable[str]) -> IndexScan:
    wanted = [term.lower() for term in terms]
    if len(wanted) == 1:
        return IndexScan(f"{_KEYS_OF_TERM} = ?", (wanted[0],))
    among = f"SELECT {_KEY.format('t.doc')} AS key FROM json_each(?) j CROSS JOIN term_entry t ON t.term = j.value"
    return IndexScan(among, (packed(sorted(wanted)),))


def _scan_range(low: str, beyond: str) -> IndexScan:
    return IndexScan(f"{_KEYS_OF_TERM} >= ? AND t.term < ?", (low, beyond))


def _scan_prefix(begin: str, text: str) -> IndexScan:
    """The terms after `begin` whose texts start with a text; a long text is cut, so that more are selected."""
    low = begin.lower() + index_terms.text_of(text)[:_LONGEST_PREFIX]
    return _scan_range(low, low + _LAST)


def _scan_part(text: str) -> tuple[IndexScan, ...]:
    """The entities with a text that contains a text, in any case; no scan where the text is too short for the index."""
    folded = text.casefold()
    parts = dict.fromkeys(folded[at : at + _PART] for at in range(len(folded) - _PART + 1))
    # U+0000, which no recorded text holds, would end the query of FTS5.
    wanted = ['"{}"'.format(part.replace('"', '""')) for part in parts if "\x00" not in part][:_MOST_PARTS]
    if not wanted:
        return ()
    keys = f"SELECT {_KEY.format('p.rowid')} AS key FROM part p WHERE p.part MATCH ?"
    return (IndexScan(keys, (" AND ".join(wanted),)),)


def _is_long(text: Any) -> bool:
    return isinstance(text, str) and len(text.encode()) >= index_terms.MOST_BYTES


# -- rows of the table --


def _texts(scans: Callable[[Atom], tuple[IndexScan, ...]]) -> Callable[[Atom], Plan]:
    """A text in a column; the column decides unless the text must be case-folded."""

    def plan(atom: Atom) -> Plan:
        condition = atom_condition(atom)
        return Plan(condition if condition.exact else None, scans(atom))

    return plan


def _urn() -> Row[Plan]:
    def among(atom: Atom) -> tuple[IndexScan, ...]:
        if atom.folded:
            return _scan_part(*atom.operand) if len(atom.operand) == 1 else ()
        by_urn = "SELECT o.key FROM json_each(?) j CROSS JOIN entity o ON o.urn = j.value"
        return (IndexScan(by_urn, (packed(sorted(atom.operand)),)),)

    def starting(atom: Atom) -> tuple[IndexScan, ...]:
        if atom.folded:
            return _scan_part(atom.operand)
        return (_scan_urns(atom.operand),) if atom.operand else ()

    return {
        Operator.IN: _texts(among),
        Operator.STARTS_WITH: _texts(starting),
        Operator.CONTAINS: _texts(lambda atom: _scan_part(atom.operand)),
    }


def _scan_urns(prefix: str) -> IndexScan:
    low, beyond = "SELECT key FROM entity WHERE urn >= ?", _after(prefix)
    return IndexScan(low, (prefix,)) if beyond is None else IndexScan(f"{low} AND urn < ?", (prefix, beyond))


def _after(prefix: str) -> str | None:
    """The first text, by code point, after all that start with a prefix; None where there is none."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)


def _text(field: str) -> Row[Plan]:
    """A text in a column and in terms; the terms of its case-folded form are apart, and only where it differs."""
    letter = index_terms.FIELDS[field]
    begin, begin_folded = f"{letter}:", f"{letter}{index_terms.FOLDED}:"

    def among(atom: Atom) -> tuple[IndexScan, ...]:
        terms = [index_terms.of_field(field, text) for text in atom.operand]
        if atom.folded:
            terms += [index_terms.of_folded(field, text) for text in atom.operand]
        return (_scan_terms(terms),)

    def starting(atom: Atom) -> tuple[IndexScan, ...]:
        begins = [begin, begin_folded] if atom.folded else [begin]
        return (_united([_scan_prefix(beginning, atom.operand) for beginning in begins]),)

    return {
        Operator.IN: _texts(among),
        Operator.STARTS_WITH: _texts(starting),
        Operator.CONTAINS: _texts(lambda atom: _scan_part(atom.operand)),
        Operator.EXISTS: _texts(lambda atom: (_scan_prefix(begin, ""),)),
    }


def _time(atom: Atom) -> Plan:
    return _ranged(atom_condition(atom))


def _ranged(condition: Condition) -> Plan:
    """The plan of a range of an indexed column."""
    scan = IndexScan(f"SELECT e.key FROM entity e WHERE {condition.sql}", condition.parameters)
    return Plan(condition, (scan,), decider=scan)


def _type(atom: Atom) -> Plan:
    return Plan(atom_condition(atom), (_scan_terms(index_terms.of_field("type", type) for type in atom.operand),))


def _accounts(atom: Atom) -> Plan:
    by_account = "SELECT o.key FROM json_each(?) j CROSS JOIN entity o ON o.account = j.value"
    return _decided_by(IndexScan(by_account, (packed(sorted(atom.operand)),)))


def _property_among(atom: Atom) -> Plan:
    terms = [index_terms.of_value(atom.key, type, value) for type, value in atom.operand]
    return _decided_by(_scan_terms(terms), asks_properties=True)


def _property_starting(atom: Atom) -> Plan:
    scan = _scan_prefix(index_terms.of_type(atom.key, PropertyType.STRING), atom.operand)
    is_exact = not _is_long(atom.operand)
    return _decided_by(scan, asks_properties=True) if is_exact else Plan(None, (scan,), asks_properties=True)


def _property_containing(atom: Atom) -> Plan:
    """Searches the terms of a key's texts; where a text is cut, only the record decides."""
    begin = index_terms.of_type(atom.key, PropertyType.STRING).lower()
    holding = IndexScan(
        f"{_KEYS_OF_TERM} >= ? AND t.term < ? AND instr(substr(t.term, {len(begin) + 1}), ?) > 0",
        (begin, begin + _LAST, index_terms.text_of(atom.operand)),
    )
    key_set = Indexed(holding, doubtful=_scan_terms([index_terms.of_key(atom.key) + index_terms.CUT]))
    return Plan(key_set, (*_scan_part(atom.operand), scan_of_key(atom.key)), asks_properties=True)


def _property_within(atom: Atom) -> Plan:
    """One scan of the ranges of all types: a value is one term, so it is within both bounds at once."""
    scan = _united([_scan_values(atom.key, type, values) for type, values in atom.operand])
    # Of a long text only the beginning is compared here, and the records of all that begin alike are read.
    is_exact = not any(_is_long(bound) for _, values in atom.operand for bound in (values.low, values.high))
    return _decided_by(scan, asks_properties=True) if is_exact else Plan(None, (scan,), asks_properties=True)


def _scan_values(key: str, type: PropertyType, values: Range) -> IndexScan:
    begin = index_terms.of_type(key, type).lower()
    low, beyond = begin, begin + _LAST
    if values.low is not None:
        is_from_start = values.includes_low or _is_long(values.low)
        low = begin + _place(values.low) + ("" if is_from_start else _JUST_AFTER)
    if values.high is not None:
        end = _LAST if _is_long(values.high) else _JUST_AFTER if values.includes_high else ""
        beyond = begin + _place(values.high) + end
    return _scan_range(low, beyond)


def _place(value: str | int | float) -> str:
    """Where a value is among the terms of its key and type; of a long text, where its beginning is."""
    return index_terms.text_of(value)[:_LONGEST_PREFIX] if isinstance(value, str) else index_terms.number_of(value)


PLAN_TABLE: Final[Table[Plan]] = checked(
    {
        EntityField.URN: _urn(),
        EntityField.NAME: _text("name"),
        EntityField.SOURCE_URI: _text("source_uri"),
        EntityField.VERSION: _text("version"),
        EntityField.PROPERTY: {
            Operator.IN: _property_among,
            Operator.STARTS_WITH: _property_starting,
            Operator.CONTAINS: _property_containing,
            Operator.RANGE: _property_within,
            Operator.EXISTS: lambda atom: _decided_by(scan_of_key(atom.key), asks_properties=True),
        },
        EntityField.TAG: {Operator.IN: lambda atom: _decided_by(_scan_terms(map(index_terms.of_tag, atom.operand)))},
        EntityField.TYPE: {Operator.IN: _type},
        EntityField.STATUS: {
            Operator.IN: lambda atom: _decided_by(_scan_terms(map(index_terms.of_status, atom.operand)))
        },
        EntityField.OCCURRED_AT: {Operator.RANGE: _time},
        EntityField.RECORDED_AT: {Operator.RANGE: _time},
        EntityField.RECORDED_BY: _text("recorded_by"),
        EntityField.KIND: {Operator.IN: lambda atom: Plan(OfKinds(kind_codes(atom.operand)))},
        EntityField.ACCOUNT: {Operator.IN: _accounts},
    },
    ENTITY_OPERATORS,
)
