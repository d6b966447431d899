"""Files of events: lines, documents and exports."""

import io
import json

from openlineage_events import event

from lineal.capture.files import read_lines

BROKEN = json.dumps(event(), indent=2) + "\n}\n"


def read(document: str | bytes) -> list[tuple[int, bool, str | None]]:
    raw = document.encode() if isinstance(document, str) else document
    return [(line.number, line.event is not None, line.problem) for line in read_lines(io.BytesIO(raw), "a")]


def test_an_event_comes_in_many_forms() -> None:
    one = json.dumps(event())
    assert read(one) == [(1, True, None)]
    assert read(b"\xef\xbb\xbf" + one.encode()) == [(1, True, None)]
    assert read(json.dumps(event(), indent=2)) == [(1, True, None)]
    assert read(f"[{one}, {one}]") == read(f"{one}\n{one}\n") == [(1, True, None), (2, True, None)]
    assert read(json.dumps({"events": [event(), event()], "totalCount": 2})) == [(1, True, None), (2, True, None)]
    assert read(json.dumps({"events": [event()]}, indent=1)) == [(1, True, None)]
    assert read(one.replace('"test"', "NaN")) == [(1, True, None)]


def test_a_document_that_breaks_is_one_problem() -> None:
    message = "The document breaks at line 14, column 1 (Extra data), so nothing of it was taken: send valid JSON."
    assert read(BROKEN) == [(1, False, message)]


def test_a_bad_first_line_is_one_line() -> None:
    (bad, good) = read('{"eventTime": }\n' + json.dumps(event()))
    assert bad[:2] == (1, False)
    assert str(bad[2]).startswith("is not JSON: The document breaks at line 1, column 15")
    assert good == (2, True, None)


def test_an_unfinished_first_line_before_good_ones_is_one_line() -> None:
    bad, good = read("{\n" + json.dumps(event()))
    assert (bad[:2], good) == ((1, False), (2, True, None))


def test_a_number_past_64_bits_keeps_its_digits() -> None:
    (line,) = read_lines(io.BytesIO(json.dumps(event(extra=2**70)).encode()), "a")
    assert line.event is not None
    assert line.event["extra"] == 2**70
