"""Expensive GraphQL documents, each of which must be answered or refused in little time.

Against a running server, this prints milliseconds: `python tests/support/costly_documents.py http://127.0.0.1:8000/graphql`.
"""

import sys
import time

import httpx

AS = "100000000000"


def nested(levels: int, inner: str, page: str = "") -> str:
    text = inner
    for _ in range(levels):
        text = f"descendants{page} {{ nodes {{ {text} }} }}"
    return text


def documents() -> dict[str, str]:
    """Name to document."""
    bomb = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    entity = f'entity(urn: "lineal:{AS}:DATASET:raw-0-0@1")'
    deep_filter = "{ and: [" * 40 + "{}" + "] }" * 40
    very_deep = "{ and: [" * 400 + "{}" + "] }" * 400
    return {
        "doubled fragments": f"{{ ...F0 }} {bomb} fragment F60 on Query {{ viewer {{ account }} }}",
        "fragment cycle": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
        "thousand aliases": "{ " + " ".join(f"a{n}: viewer {{ account }}" for n in range(900)) + " }",
        "pages within pages": f"{{ {entity} {{ {nested(4, 'urn', '(first: 1000)')} }} }}",
        "deep nesting": f"{{ {entity} {{ {nested(60, 'urn')} }} }}",
        "very deep nesting": f"{{ {entity} {{ {nested(500, 'urn')} }} }}",
        "one field a thousand times": "{ " + "viewer { account } " * 900 + "}",
        "one nested field sixty times": "{ "
        + f"{entity} {{ descendants {{ nodes {{ urn name kind }} }} }} " * 60
        + "}",
        "one leaf a thousand times": "{ viewer { " + "account " * 1900 + "} }",
        "hundred fragments": "{ viewer { "
        + " ".join(f"...F{n}" for n in range(300))
        + " } } "
        + " ".join(f"fragment F{n} on Viewer {{ account }}" for n in range(300)),
        "forty fragments": "{ viewer { "
        + " ".join(f"...F{n}" for n in range(40))
        + " } } "
        + " ".join(f"fragment F{n} on Viewer {{ account }}" for n in range(40)),
        "inline fragments": f"{{ {entity} {{ " + "... on Dataset { urn } " * 90 + "} }",
        "directives": "{ viewer { account " + "@include(if: true) " * 500 + "} }",
        "long document": "{ viewer { account } } # " + "x" * 1_000_000,
        "many tokens": "{ " + "a " * 200_000 + "}",
        "deep filter": f"{{ entities(where: {deep_filter}) {{ totalCount }} }}",
        "very deep filter": f"{{ entities(where: {very_deep}) {{ totalCount }} }}",
        "wide filter": "{ entities(where: { or: [" + '{name: {contains: "q"}}' * 300 + "] }) { totalCount } }",
        "introspection within introspection": "{ __schema { types { "
        + "fields { type { " * 8
        + "name "
        + "} } " * 8
        + "} } }",
        "whole closures side by side": "{ "
        + " ".join(f"a{n}: {entity} {{ descendants(first: 1000) {{ nodes {{ urn }} }} }}" for n in range(60))
        + " }",
        "unknown fields": "{ " + " ".join(f"x{n}" for n in range(1500)) + " }",
        "variables": "query (" + " ".join(f"$v{n}: Int" for n in range(900)) + ") { viewer { account } }",
    }


def main(url: str) -> None:
    with httpx.Client(timeout=120) as client:
        for name, document in documents().items():
            took = []
            for attempt in range(3):
                began = time.perf_counter()
                # Another text each time, so that no document is known from before.
                answer = client.post(url, json={"query": f"{document} # {attempt}"})
                took.append((time.perf_counter() - began) * 1000)
            errors = answer.json().get("errors")
            outcome = f"{errors[0]['extensions']['code']} {errors[0]['message'][:60]}" if errors else "answered"
            print(f"{min(took):8.1f} ms  {len(document):8} characters  {name}: {outcome}")


if __name__ == "__main__":
    main(sys.argv[1])
