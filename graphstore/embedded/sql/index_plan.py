"""Which entities the index names for a filter and a search, and which of them it decides on.

An `Arm` is a statement that finds, through an index, all that a condition can hold for, and maybe more. A filter has as
many as its conditions give, of which the shortest is taken; where it has none, all entities are looked through: nothing
is asked, or only kinds (which have an index of their own), or `not`, `ne`, `exists: false` of a property, or `contains`
of fewer than three characters, with nothing beside them.

`plain` decides over the entities that were never revised, and of which no property is hidden: what it says of them
needs no look at the records. It is None where only the records tell.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

from lineal.graphstore import index_terms
from lineal.graphstore.codes import kind_codes
from lineal.graphstore.content_codec import packed
from lineal.graphstore.embedded.sql.filter_sql import Condition, among, text_condition, time_condition
from lineal.graphstore.embedded.sql.index_writer import of_word
from lineal.graphstore.embedded.sql.key_sets import All, Arm, Decision, Either, Named, Not, OfKinds
from lineal.graphstore.full_text import LONGEST_WORD, words_of
from lineal.graphstore.kinds import NUMBERS, PropertyType
from lineal.graphstore.queries import EntityFilter, Operand, PropertyFilter, StringFilter, TimeFilter
from lineal.graphstore.values import parse_timestamp

_LAST: Final = "\x7f"
"""After every character of a term but those of words."""
_LAST_OF_WORDS: Final = "\U0010ffff"
_PART: Final = 3
_MOST_PARTS: Final = 16
_KEY: Final = "iif({0} > 0, {0}, (SELECT r.entity FROM revised r WHERE r.document = -{0}))"
_OF_TERM: Final = f"SELECT {_KEY.format('t.doc')} AS key FROM term_entry t WHERE t.term"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the index knows of a filter, or a part of one. `of_properties`: a scope may hide what it asks of.

    `decider`: the arm, where there is one, that names just what `plain` holds for.
    """

    plain: Decision | None
    arms: tuple[Arm, ...] = ()
    of_properties: bool = False
    decider: Arm | None = None


_ANYTHING: Final = Asked(Condition("true"))
_NOTHING: Final = Asked(Condition("false"), (Arm("SELECT 0 AS key WHERE false", ()),))


def parts_asked(where: EntityFilter, search: str | None) -> list[Asked]:
    """What the index knows of each part of a filter and a search, all of which must hold."""
    words = () if search is None else tuple(dict.fromkeys(words_of(search)))
    return [*_parts(where), *map(_word, words)]


def plain_of(parts: Iterable[Asked], driver: Arm | None) -> Decision | None:
    """What decides over the entities that an arm names: the parts that it does not decide itself."""
    plain = _known([part.plain for part in parts if driver is None or part.decider is not driver])
    return None if plain is None else All(plain)


def _both(parts: Sequence[Asked]) -> Asked:
    plain = _known([part.plain for part in parts])
    return Asked(
        None if plain is None else All(plain),
        tuple(arm for part in parts for arm in part.arms),
        any(part.of_properties for part in parts),
    )


def _either(parts: Sequence[Asked]) -> Asked:
    if not parts:
        return _NOTHING
    arms = (_united([part.arms[0] for part in parts]),) if all(part.arms for part in parts) else ()
    plain = _known([part.plain for part in parts])
    return Asked(None if plain is None else Either(plain), arms, any(part.of_properties for part in parts))


def _not(part: Asked) -> Asked:
    return Asked(None if part.plain is None else Not(part.plain), (), part.of_properties)


def _known(parts: Sequence[Decision | None]) -> tuple[Decision, ...] | None:
    known = tuple([part for part in parts if part is not None])
    return known if len(known) == len(parts) else None


def _united(arms: Sequence[Arm]) -> Arm:
    return reduce(
        lambda one, other: Arm(f"{one.sql} UNION ALL {other.sql}", (*one.parameters, *other.parameters)), arms
    )


def _parts(where: EntityFilter) -> Iterable[Asked]:
    """In the order of how few a condition mostly leaves."""
    yield from _text("urn", where.urn)
    yield from _text("name", where.name)
    yield from _text("source_uri", where.source_uri)
    yield from _text("version", where.version)
    for asked in where.property or ():
        yield from _property(asked)
    if where.tag is not None:
        yield _told([_of_terms([index_terms.of_tag(tag) for tag in where.tag])])
    if where.type is not None:
        yield Asked(
            among("c.type", where.type), (_of_terms([index_terms.of_field("type", each) for each in where.type]),)
        )
    if where.status is not None:
        yield _told([_of_terms([index_terms.of_status(status) for status in where.status])])
    for each in where.and_ or ():
        yield _both(list(_parts(each)))
    if where.or_ is not None:
        yield _either([_both(list(_parts(each))) for each in where.or_])
    yield from _time("occurred_at", where.occurred_at)
    yield from _time("recorded_at", where.recorded_at)
    yield from _text("recorded_by", where.recorded_by)
    if (kinds := kind_codes(EntityFilter(where.kind, where.lineage_type))) is not None:
        yield Asked(OfKinds(frozenset(kinds)))
    if where.account is not None:
        yield _told([_of_accounts(where.account)])
    if where.not_ is not None:
        yield _not(_both(list(_parts(where.not_))))


def _word(word: str) -> Asked:
    arm = _range(of_word(word), of_word(word) + _LAST_OF_WORDS)
    return _told([arm], True) if len(word) <= LONGEST_WORD else Asked(None, (arm,), of_properties=True)


def _of_accounts(accounts: Iterable[str]) -> Arm:
    of_one = "SELECT o.key FROM json_each(?) j CROSS JOIN entity o ON o.account = j.value"
    return Arm(of_one, (packed(list(accounts)),))


# -- what no revision changes --


def _text(field: str, where: StringFilter | None) -> Iterable[Asked]:
    if where is None:
        return
    condition = text_condition("c.source_uri" if field == "source_uri" else f"e.{field}", where)
    arms = _urn_arms(where) if field == "urn" else _field_arms(field, where)
    part = where.contains
    if field == "urn" and where.ignore_case:
        part = where.contains or where.eq or where.starts_with
    yield Asked(condition, (*arms, *_of_part(part)))


def _urn_arms(where: StringFilter) -> Iterable[Arm]:
    if where.ignore_case:
        return
    if where.eq is not None:
        yield Arm("SELECT key FROM entity WHERE urn = ?", (where.eq,))
    if where.in_ is not None:
        yield Arm("SELECT o.key FROM json_each(?) j CROSS JOIN entity o ON o.urn = j.value", (packed(list(where.in_)),))
    if where.starts_with:
        yield _between("urn", where.starts_with, _after(where.starts_with))


def _field_arms(field: str, where: StringFilter) -> Iterable[Arm]:
    def of_texts(texts: Iterable[str]) -> Arm:
        if not where.ignore_case:
            return _of_terms([index_terms.of_field(field, text) for text in texts])
        folded = [text.casefold() for text in texts]
        return _of_terms(
            [
                term
                for text in folded
                for term in (index_terms.of_field(field, text), index_terms.of_folded(field, text))
            ]
        )

    if where.eq is not None:
        yield of_texts([where.eq])
    if where.in_ is not None:
        yield of_texts(where.in_)
    if where.starts_with is not None:
        text = where.starts_with.casefold() if where.ignore_case else where.starts_with
        begins = [
            f"{index_terms.FIELDS[field]}:",
            *([f"{index_terms.FIELDS[field]}{index_terms.FOLDED}:"] if where.ignore_case else []),
        ]
        yield _united([_beginning(begin, text) for begin in begins])
    if where.exists:
        yield _beginning(f"{index_terms.FIELDS[field]}:", "")


def _time(field: str, where: TimeFilter | None) -> Iterable[Asked]:
    if where is not None and where != TimeFilter():
        condition = time_condition(f"e.{field}", where)
        own = time_condition(field, where)
        arm = Arm(f"SELECT key FROM entity WHERE {own.sql}", own.parameters)
        yield Asked(condition, (arm,), decider=arm)


def _of_part(text: str | None) -> tuple[Arm, ...]:
    """What holds a text somewhere, whatever its case."""
    folded = "" if text is None else text.casefold()
    parts = dict.fromkeys(folded[at : at + _PART] for at in range(len(folded) - _PART + 1))
    # U+0000, which no text holds, would end what FTS5 is asked.
    wanted = ['"{}"'.format(part.replace('"', '""')) for part in parts if "\x00" not in part][:_MOST_PARTS]
    if not wanted:
        return ()
    found = f"SELECT {_KEY.format('p.rowid')} AS key FROM part p WHERE p.part MATCH ?"
    return (Arm(found, (" AND ".join(wanted),)),)


# -- what stands as terms --


def _told(arms: Sequence[Arm], of_properties: bool = False) -> Asked:
    """What one of some arms names, and nothing else is."""
    if not arms:
        return _NOTHING
    united = _united(arms)
    return Asked(Named(united), (united,), of_properties, united)


def _of_terms(given: Iterable[str]) -> Arm:
    wanted = [term.lower() for term in given]
    if len(wanted) == 1:
        return Arm(f"{_OF_TERM} = ?", (wanted[0],))
    one_of = f"SELECT {_KEY.format('t.doc')} AS key FROM json_each(?) j CROSS JOIN term_entry t ON t.term = j.value"
    return Arm(one_of, (packed(wanted),))


def _range(least: str, beyond: str) -> Arm:
    return Arm(f"{_OF_TERM} >= ? AND t.term < ?", (least, beyond))


def _beginning(begin: str, text: str) -> Arm:
    """The terms of the texts that begin with a text; of a long one, those that begin as it does."""
    least = begin.lower() + index_terms.text_of(text)[: 2 * index_terms.MOST_BYTES]
    return _range(least, least + _LAST)


def _is_long(text: str) -> bool:
    return len(text.encode()) >= index_terms.MOST_BYTES


def bearing(key: str) -> Arm:
    """Names the entities that ever had a property of a key."""
    begin = index_terms.of_key(key).lower()
    return _range(begin, begin + _LAST)


def _property(where: PropertyFilter) -> Iterable[Asked]:
    stands = _told([bearing(where.key)], of_properties=True)
    if where.exists is not None:
        yield stands if where.exists else _not(stands)
    if where.eq is not None:
        yield _equal(where.key, [where.eq])
    if where.in_ is not None:
        yield _equal(where.key, where.in_)
    if where.ne is not None:
        yield _both([stands, _not(_equal(where.key, [where.ne]))])
    yield from _between_bounds(where)
    if where.starts_with is not None:
        arm = _beginning(index_terms.of_type(where.key, PropertyType.STRING), where.starts_with)
        is_long = _is_long(where.starts_with)
        yield Asked(None, (arm,), of_properties=True) if is_long else _told([arm], of_properties=True)
    if where.contains is not None:
        yield _containing(where.key, where.contains, stands.arms)


def _containing(key: str, text: str, stands: tuple[Arm, ...]) -> Asked:
    """The terms of a key's texts are looked through; of texts that are cut only the records tell."""
    begin = index_terms.of_type(key, PropertyType.STRING).lower()
    holding = Arm(
        f"{_OF_TERM} >= ? AND t.term < ? AND instr(substr(t.term, {len(begin) + 1}), ?) > 0",
        (begin, begin + _LAST, index_terms.text_of(text)),
    )
    plain = Named(holding, doubtful=_of_terms([index_terms.of_key(key) + index_terms.CUT]))
    return Asked(plain, (*_of_part(text), *stands), of_properties=True)


def _moment(operand: Operand) -> int | None:
    try:
        return parse_timestamp(str(operand.value))
    except ValueError:
        return None


def _equal(key: str, operands: Iterable[Operand]) -> Asked:
    wanted = []
    for operand in operands:
        if operand.type is PropertyType.TIMESTAMP:
            continue
        wanted.append(index_terms.of_value(key, operand.type, operand.value))
        if operand.type is PropertyType.STRING and (moment := _moment(operand)) is not None:
            wanted.append(index_terms.of_value(key, PropertyType.TIMESTAMP, moment))
    return _told([_of_terms(wanted)], of_properties=True) if wanted else _NOTHING


_Ranges = dict[str, tuple[str, str]]
"""From where to before where, by how the terms begin."""


def _between_bounds(where: PropertyFilter) -> Iterable[Asked]:
    """The ranges of all bounds together: a value lies in one document, so it is in all of them at once."""
    bounds = ((">", where.gt), (">=", where.gte), ("<", where.lt), ("<=", where.lte))
    given = [(sign, operand) for sign, operand in bounds if operand is not None]
    if not given:
        return
    ranges = reduce(_overlap, [_ranges(where.key, sign, operand) for sign, operand in given])
    arms = [_range(*each) for each in ranges.values()]
    if any(isinstance(operand.value, str) and _is_long(operand.value) for _, operand in given):
        # Of a long text only the beginning is compared here, and all that begins alike looked at.
        yield Asked(None, (_united(arms),) if arms else (), of_properties=True)
    else:
        yield _told(arms, of_properties=True)


def _overlap(one: _Ranges, other: _Ranges) -> _Ranges:
    both = {begin: (one[begin], other[begin]) for begin in one if begin in other}
    return {begin: (max(a[0], b[0]), min(a[1], b[1])) for begin, (a, b) in both.items()}


def _ranges(key: str, sign: str, operand: Operand) -> _Ranges:
    """Where the values lie on one side of an operand: of its type, and of timestamps if its text is one."""
    begin = index_terms.of_type(key, operand.type).lower()
    if operand.type in NUMBERS:
        assert not isinstance(operand.value, str)
        return {begin: _beside(begin, index_terms.number_of(operand.value), sign)}
    if operand.type is not PropertyType.STRING:
        return {}
    text = str(operand.value)
    place = index_terms.text_of(text)[: 2 * index_terms.MOST_BYTES]
    if _is_long(text):
        ranges = {begin: (begin + place, begin + _LAST) if sign[0] == ">" else (begin, begin + place + _LAST)}
    else:
        ranges = {begin: _beside(begin, place, sign)}
    if (moment := _moment(operand)) is not None:
        begin = index_terms.of_type(key, PropertyType.TIMESTAMP).lower()
        ranges[begin] = _beside(begin, index_terms.number_of(moment), sign)
    return ranges


def _beside(begin: str, place: str, sign: str) -> tuple[str, str]:
    """From where to before where terms lie on one side of a place, among those that begin alike."""
    # No term holds U+0001: it comes after the place, and before all that goes on from it.
    just_after = begin + place + "\x01"
    match sign:
        case ">":
            return just_after, begin + _LAST
        case ">=":
            return begin + place, begin + _LAST
        case "<":
            return begin, begin + place
    return begin, just_after


# -- texts in a column --


def _between(column: str, least: str, beyond: str | None) -> Arm:
    above = f"SELECT key FROM entity WHERE {column} >= ?"
    return Arm(above, (least,)) if beyond is None else Arm(f"{above} AND {column} < ?", (least, beyond))


def _after(text: str) -> str | None:
    """The first text, by code point, after all that begin with one; None where there is none."""
    stem = text.rstrip("\U0010ffff")
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)
