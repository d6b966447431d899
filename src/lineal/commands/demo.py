"""The query of the demo, sent over HTTP: `python -m lineal.commands.demo SERVER`."""

import sys
from typing import Any
from urllib.parse import unquote

import click
import httpx

DATASET = "lineal:100000000000:DATASET:raw-0-0@1"

_QUESTION = """query ($urn: String!) {
  entity(urn: $urn) {
    descendants(where: { kind: [ENDPOINT] }, first: 1000) {
      totalCount
      completeness { isComplete visited }
      edges { distance node { name account } path { type source { urn } destination { urn } } }
    }
  }
}"""


def ask(url: str) -> None:
    """Query the endpoints that a corrupt dataset reached, and print them with the path to one of them."""
    answer = httpx.post(f"{url}/graphql", json={"query": _QUESTION, "variables": {"urn": DATASET}}, timeout=60).json()
    descendants: dict[str, Any] = answer["data"]["entity"]["descendants"]
    click.echo(f"\nThe dataset {DATASET} is corrupt: which endpoints must be rolled back?")
    total, visited = descendants["totalCount"], descendants["completeness"]["visited"]
    click.echo(f"{total} endpoints, of {visited} entities it contributed to:")
    for edge in descendants["edges"][:5]:
        click.echo(f"  {edge['node']['name']} of account {edge['node']['account']}, {edge['distance']} hops away")
    if total > 5:
        click.echo(f"  ... and {total - 5} more")
    first = descendants["edges"][0]
    click.echo(f"The path that proves {first['node']['name']}:")
    click.echo(f"  {_shown(first['path'][0]['source']['urn'])}")
    for step in first["path"]:
        click.echo(f"    {step['type']}\n  {_shown(step['destination']['urn'])}")


def _shown(urn: str) -> str:
    _, account, kind, name = unquote(urn).split(":", 3)
    return f"{kind} {name} ({account})"


if __name__ == "__main__":
    ask(sys.argv[1])
