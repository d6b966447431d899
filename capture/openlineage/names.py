"""Names of datasets, jobs and columns: injective joins of namespace and name that read as people write them.

A dataset or job is named `{namespace}/{name}`, as in `s3://lake/raw` and `postgres://h:5432/db.schema.t`. A namespace
ends at the first `/`, or at the first after `scheme://`. So that no two pairs share a name, a namespace is written as
in a JSON Pointer, with `~0` for `~` and `~1` for any other `/`; and with `~2` for its last `:`, where the name would
make a scheme of it. A column is named `{dataset}#{column}`, with `~0` for `~` and `~3` for `#` within the dataset's
name.

A name that an entity cannot bear (too long, or with characters that are refused) is cut: its namespace ends in `~~`,
which no namespace does otherwise, and its name in `~` and the SHA-256 of the whole.
"""

import re
from hashlib import sha256
from typing import Final

from lineal.graphstore.records import Source
from lineal.graphstore.urns import name_problem

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BARE_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_REFUSED: Final = re.compile("[\x00\ud800-\udfff]")
_CUT: Final = "~~"
_KEPT_CHARACTERS: Final = 100
"""How much of a cut namespace, and of a cut name, is still read."""
_STORES: Final = {
    "abfs": "AZURE",
    "abfss": "AZURE",
    "file": "FILE",
    "gs": "GCS",
    "hdfs": "HDFS",
    "http": "HTTP",
    "https": "HTTP",
    "s3": "S3",
    "s3a": "S3",
    "s3n": "S3",
    "wasb": "AZURE",
    "wasbs": "AZURE",
}
"""The type of a source, by the scheme of a namespace: for these OpenLineage makes `namespace/name` an address."""


def joined(namespace: str, name: str) -> str:
    """The name of a dataset or job."""
    whole = f"{_escaped(namespace, name)}/{name}"
    if name_problem(whole) is None:
        return whole
    return f"{_shortened(_escaped(namespace, name))}{_CUT}/{_shortened(name)}~{_digest(namespace, name)}"


def joined_column(namespace: str, name: str, column: str) -> str:
    """The name of a column of a dataset."""
    dataset = joined(namespace, name).replace("~", "~0").replace("#", "~3")
    whole = f"{dataset}#{column}"
    if name_problem(whole) is None:
        return whole
    return f"{_shortened(dataset)}{_CUT}#{_shortened(column)}~{_digest(namespace, name, column)}"


def fitting(text: str) -> str:
    """A text that is not empty as a version or as the name of a run, cut where an entity cannot bear it."""
    is_plain = name_problem(text) is None and not text.startswith(_CUT)
    return text if is_plain else f"{_CUT}{_shortened(text)}~{_digest(text)}"


def source_of(namespace: str, name: str) -> Source | None:
    """The source of a dataset, if its namespace and name are an address by OpenLineage's naming; else None."""
    scheme, separator, authority = namespace.partition("://")
    type = _STORES.get(scheme.lower())
    if not separator or type is None or "/" in authority or name_problem(joined(namespace, name)):
        return None
    uri = f"{namespace}/{name.lstrip('/')}"
    return None if _REFUSED.search(uri) else Source(uri=uri, type=type)


def _escaped(namespace: str, name: str) -> str:
    scheme = _SCHEME.match(namespace)
    begin = scheme.end() if scheme else 0
    text = namespace[:begin] + namespace[begin:].replace("~", "~0").replace("/", "~1")
    if name.startswith("/") and _BARE_SCHEME.fullmatch(text):
        return text[:-1] + "~2"
    return text


def _shortened(text: str) -> str:
    return _REFUSED.sub("\ufffd", text[:_KEPT_CHARACTERS])


def _digest(*texts: str) -> str:
    # The lengths keep two lists of texts from being one.
    whole = "".join(f"{len(text)}:{text}" for text in texts)
    return sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
