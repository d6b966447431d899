"""Integers beyond the precision of JavaScript's numbers, through a JavaScript client: fetch and JSON.parse."""

import json
import subprocess
from pathlib import Path
from typing import Final

from node import NODE
from server_process import serving

CLIENT: Final = """
const [url] = process.argv.slice(1)
async function ask(query, variables) {
  const response = await fetch(url + "/graphql", {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ query, variables })
  })
  const { data, errors } = await response.json()
  if (errors) throw new Error(JSON.stringify(errors))
  return data
}
const large = "9007199254740993"
await ask(`mutation ($input: LineageRecordInput!) { lineageRecord(input: $input) { userErrors { message } } }`, {
  input: { entities: [{ kind: "DATASET", name: "d", properties: [{ key: "rows", value: { int: large } }] }] }
})
await ask(`mutation ($input: ObservationsRecordInput!) {
  observationsRecord(input: $input) { userErrors { message } }
}`, {
  input: { series: [
    { entity: { urn: "lineal:local:DATASET:d" }, metric: "m", observations: [{ value: 1, step: large }] }
  ] }
})
const found = {}
for (const digits of [large, "9007199254740992"]) {
  const data = await ask(
    `query ($where: EntityFilter) { entities(where: $where) { nodes { properties(keys: ["rows"]) { type text } } } }`,
    { where: { property: [{ key: "rows", eq: digits }] } }
  )
  found[digits] = data.entities.nodes
}
console.log(JSON.stringify(found))
"""


def test_a_large_integer_survives_a_javascript_client(tmp_path: Path) -> None:
    with serving("memory:", tmp_path) as server:
        command = [str(NODE), "--input-type=module", "--eval", CLIENT, server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        shown = [{"properties": [{"type": "INTEGER", "text": "9007199254740993"}]}]
        assert json.loads(done.stdout) == {"9007199254740993": shown, "9007199254740992": []}
        query = '{ entity(urn: "lineal:local:DATASET:d") { metrics { series { nodes { step } } } } }'
        (metric,) = server.ask(query)["entity"]["metrics"]
        assert metric["series"]["nodes"] == [{"step": 9007199254740993}]
