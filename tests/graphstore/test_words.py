"""What words are: compared with what the guide says of them."""

import pytest

from lineal.graphstore.full_text import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" -_/:. ", []),
        ("S3://Lake/Train-v2_final.csv", ["s3", "lake", "train", "v2", "final", "csv"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("ﬁnal １２", ["final", "12"]),
        ("e\u0301t\u00e9", ["\u00e9t\u00e9"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("顧客データ2026", ["顧客データ2026"]),
        ("a\U0001f600b", ["a", "b"]),
        ("İ", ["i\u0307"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words
