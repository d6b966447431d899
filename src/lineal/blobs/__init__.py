"""Content of entities: bytes that are kept once by their SHA-256, in a folder or an object store.

The only folder that knows object stores. It knows nothing of entities: which caller may read the content of which
entity is decided by who calls it.
"""
