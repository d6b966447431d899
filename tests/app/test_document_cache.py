"""The document cache is bounded by bytes, and holds about what it counts."""

import gc
import tracemalloc

import pytest

from lineal import document_cache
from lineal.document_cache import Documents
from lineal.schema import GRAPH
from lineal.schema.limits import DocumentLimits

MB = 1024 * 1024


@pytest.mark.parametrize("text", ["a ", "a(b: 1) { c } ", 'entity(urn: "lineal:a:MODEL:m") { name kind urn } '])
def test_the_document_cache_counts_its_bytes(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(document_cache, "MOST_BYTES", 2 * MB)
    gc.collect()
    tracemalloc.start()
    try:
        begin = tracemalloc.get_traced_memory()[0]
        documents = Documents(GRAPH, DocumentLimits())
        for number in range(40):
            documents.read(f"query Q{number} {{ {text * 300} }}")
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - begin
    finally:
        tracemalloc.stop()
    counted = documents._cache.bytes
    assert len(documents._cache) < 40
    assert counted <= 2 * MB
    assert counted / 2 < held < counted * 2
