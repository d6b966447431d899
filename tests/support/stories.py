"""Stories: every kind of mutation once, each step with what it leaves, so that a journal can be compared with a store.

A step is sent again with the same idempotency key until it is acknowledged. Its traces are several parts that one
transaction writes: all of them are there, or none.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from http_caller import Caller, Refused, Unanswered

OWNER, GUEST = "acme", "guest"
GROUP: Final = "lineal:acme:MODEL_GROUP:fraud"
SEED: Final = """mutation { lineageRecord(input: {entities: [
  {kind: MODEL, name: "m"}, {kind: MODEL_GROUP, name: "fraud"}]}) { entities { isNew } userErrors { message } } }"""

Traces: TypeAlias = dict[str, list[bool]]


@dataclass
class Story:
    """One story of one client: the number that names all its parts, the steps acknowledged, and the ids answered."""

    number: int
    done: list[str] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def next_step(self) -> str | None:
        """The step to send; None where all are acknowledged."""
        return next((step for step in STEPS if step not in self.done), None)

    def urn(self, kind: str, name: str) -> str:
        return f"lineal:{OWNER}:{kind}:{name}-{self.number}"

    @property
    def data(self) -> str:
        return self.urn("DATASET", "data")


async def _record(owner: Caller, guest: Caller, story: Story) -> None:
    n = story.number
    await owner.ask(
        """mutation ($d: String!, $j: String!, $du: String!, $ju: String!, $k: String) { lineageRecord(input: {
        idempotencyKey: $k, entities: [{kind: DATASET, name: $d, properties: [{key: "p", value: {int: 1}}]},
        {kind: TRAINING_JOB, name: $j}], associations: [{source: {urn: $du}, destination: {urn: $ju},
        type: CONTRIBUTED_TO}]}) { userErrors { message } } }""",
        d=f"data-{n}", j=f"job-{n}", du=story.data, ju=story.urn("TRAINING_JOB", "job"), k=f"record-{n}",
    )  # fmt: skip


async def _revise(owner: Caller, guest: Caller, story: Story) -> None:
    await owner.ask(
        """mutation ($u: String!, $k: String) { entityRevise(input: {idempotencyKey: $k, entity: {urn: $u},
        tags: ["revised"], properties: [{key: "revised", value: {int: 1}}]}) { userErrors { message } } }""",
        u=story.data, k=f"revise-{story.number}",
    )  # fmt: skip


async def _observe(owner: Caller, guest: Caller, story: Story) -> None:
    await owner.ask(
        """mutation ($u: String!, $k: String) { observationsRecord(input: {idempotencyKey: $k, series: [
        {entity: {urn: $u}, metric: "loss", observations: [{step: 1, value: 1}, {step: 2, value: 2}]}]})
        { userErrors { message } } }""",
        u=story.data, k=f"observe-{story.number}",
    )  # fmt: skip


async def _event(owner: Caller, guest: Caller, story: Story) -> None:
    n = story.number
    body = {
        "eventType": "COMPLETE",
        "eventTime": "2026-03-01T12:00:00Z",
        "run": {"runId": f"00000000-0000-4000-8000-{n:012}"},
        "job": {"namespace": "n", "name": f"job-{n}"},
        "outputs": [{"namespace": "n", "name": f"output-{n}"}],
        "producer": "test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
    }
    response = await owner.post("/api/v1/lineage", body)
    if response.status_code == 503:
        raise Unanswered(response.text)
    if response.status_code not in (200, 201):
        raise Refused(response.text)


async def _bad_event(owner: Caller, guest: Caller, story: Story) -> None:
    body = {"eventType": "COMPLETE", "job": {"namespace": "n", "name": f"bad-{story.number}"}}
    response = await owner.post("/api/v1/lineage", body)
    if response.status_code == 503 or "quarantined" not in response.json():
        raise Unanswered(response.text)
    story.ids["document"] = response.json()["quarantined"]


async def _retry(owner: Caller, guest: Caller, story: Story) -> None:
    await owner.ask(
        "mutation ($i: ID!) { quarantineRetry(input: {ids: [$i]}) { documents { id } userErrors { message } } }",
        i=story.ids["document"],
    )


async def _discard(owner: Caller, guest: Caller, story: Story) -> None:
    try:
        await owner.ask(
            "mutation ($i: ID!) { quarantineDiscard(input: {ids: [$i]}) { ids userErrors { message } } }",
            i=story.ids["document"],
        )
    except Refused:
        # Sent again, it is refused because the first one was done: it has no idempotency key.
        query = "query ($i: ID!) { quarantine(ids: [$i]) { nodes { id } } }"
        if (await owner.ask(query, i=story.ids["document"]))["quarantine"]["nodes"]:
            raise


async def _register(owner: Caller, guest: Caller, story: Story) -> None:
    payload = await owner.ask(
        """mutation ($n: String!, $k: String) { modelVersionRegister(input: {idempotencyKey: $k, description: $n,
        group: {urn: "lineal:acme:MODEL_GROUP:fraud"}, model: {urn: "lineal:acme:MODEL:m"}})
        { modelVersion { urn } userErrors { message } } }""",
        n=f"version-{story.number}", k=f"register-{story.number}",
    )  # fmt: skip
    story.ids["version"] = payload["modelVersion"]["urn"]


async def _review(owner: Caller, guest: Caller, story: Story) -> None:
    await owner.ask(
        """mutation ($u: String!, $k: String) { modelVersionReview(input: {idempotencyKey: $k, version: {urn: $u},
        decision: APPROVED, reason: "good"}) { userErrors { message } } }""",
        u=story.ids["version"], k=f"review-{story.number}",
    )  # fmt: skip


async def _create_group(owner: Caller, guest: Caller, story: Story) -> None:
    payload = await owner.ask(
        """mutation ($n: String!, $u: String!, $k: String) { lineageGroupCreate(input: {idempotencyKey: $k, name: $n,
        addEntities: [{urn: $u}]}) { group { id } userErrors { message } } }""",
        n=f"group-{story.number}", u=story.data, k=f"group-{story.number}",
    )  # fmt: skip
    story.ids["group"] = payload["group"]["id"]


async def _change_group(owner: Caller, guest: Caller, story: Story) -> None:
    await owner.ask(
        """mutation ($i: ID!, $n: String!, $u: String!, $j: String!) { lineageGroupChange(input: {id: $i, name: $n,
        addEntities: [{urn: $j}], removeEntities: [{urn: $u}]}) { userErrors { message } } }""",
        i=story.ids["group"], n=f"changed-{story.number}", u=story.data, j=story.urn("TRAINING_JOB", "job"),
    )  # fmt: skip


def _policy(story: Story) -> str:
    return f'permit(principal == Lineal::Principal::"{GUEST}/p{story.number}", action, resource);'


async def _set_policy(owner: Caller, guest: Caller, story: Story) -> None:
    await owner.ask(
        """mutation ($i: ID!, $p: String!) { lineageGroupPolicySet(input: {id: $i, policy: $p})
        { userErrors { message } } }""",
        i=story.ids["group"], p=_policy(story),
    )  # fmt: skip


async def _share(owner: Caller, guest: Caller, story: Story) -> None:
    payload = await owner.ask(
        """mutation ($g: ID!, $n: String!, $k: String) { resourceShareCreate(input: {idempotencyKey: $k, name: $n,
        groups: [$g], actions: [READ], targets: [{account: "guest"}]})
        { share { id invitations { id } } userErrors { message } } }""",
        g=story.ids["group"], n=f"share-{story.number}", k=f"share-{story.number}",
    )  # fmt: skip
    story.ids["share"] = payload["share"]["id"]
    story.ids["invitation"] = payload["share"]["invitations"][0]["id"]


async def _decide(owner: Caller, guest: Caller, story: Story) -> None:
    verb = "invitationAccept" if story.number % 2 else "invitationReject"
    await guest.ask(
        f"mutation ($i: ID!) {{ {verb}(input: {{id: $i}}) {{ userErrors {{ message }} }} }}", i=story.ids["invitation"]
    )


async def _revoke_share(owner: Caller, guest: Caller, story: Story) -> None:
    await owner.ask(
        "mutation ($i: ID!) { resourceShareRevoke(input: {id: $i}) { userErrors { message } } }", i=story.ids["share"]
    )


async def _create_key(owner: Caller, guest: Caller, story: Story) -> None:
    payload = await owner.ask(
        """mutation ($n: String!, $k: String) { apiKeyCreate(input: {idempotencyKey: $k, name: $n})
        { key { id } userErrors { message } } }""",
        n=f"key-{story.number}", k=f"key-{story.number}",
    )  # fmt: skip
    story.ids["key"] = payload["key"]["id"]


async def _revoke_key(owner: Caller, guest: Caller, story: Story) -> None:
    await owner.ask(
        "mutation ($i: ID!) { apiKeyRevoke(input: {id: $i}) { userErrors { message } } }", i=story.ids["key"]
    )


async def _create_account(owner: Caller, guest: Caller, story: Story) -> None:
    await owner.ask(
        """mutation ($n: String!, $k: String) { accountCreate(input: {idempotencyKey: $k, name: $n})
        { userErrors { message } } }""",
        n=f"account-{story.number}", k=f"account-{story.number}",
    )  # fmt: skip


Step: TypeAlias = Callable[[Caller, Caller, Story], Awaitable[None]]
STEPS: Final[dict[str, Step]] = {
    "lineageRecord": _record,
    "entityRevise": _revise,
    "observationsRecord": _observe,
    "event": _event,
    "refused event": _bad_event,
    "quarantineRetry": _retry,
    "quarantineDiscard": _discard,
    "modelVersionRegister": _register,
    "modelVersionReview": _review,
    "lineageGroupCreate": _create_group,
    "lineageGroupChange": _change_group,
    "lineageGroupPolicySet": _set_policy,
    "resourceShareCreate": _share,
    "invitation": _decide,
    "resourceShareRevoke": _revoke_share,
    "apiKeyCreate": _create_key,
    "apiKeyRevoke": _revoke_key,
    "accountCreate": _create_account,
}

_OBSERVED: Final = """query ($d: String!, $j: String!, $o: String!, $v: String!) {
  data: entity(urn: $d) { properties { key } tags history { nodes { tags properties { key } } }
    lineageGroups { name } metrics { name series { nodes { step value } } } }
  job: entity(urn: $j) { lineageGroups { name policy } associations { nodes { source { urn } } } }
  output: entity(urn: $o) { ascendants { nodes { kind status } } }
  version: entity(urn: $v) { ... on ModelVersion { description group { urn } model { urn }
    approvals { nodes { decision } } } } }"""


async def traces(owner: Caller, story: Story) -> Traces:
    """The parts of a story's steps that are there, by step, as far as entities show them."""
    n = story.number
    found = await owner.ask(
        _OBSERVED,
        d=story.data,
        j=story.urn("TRAINING_JOB", "job"),
        o=f"lineal:{OWNER}:DATASET:n/output-{n}",
        v=story.ids.get("version", GROUP),
    )
    data, job, output, version = found["data"], found["job"], found["output"], found["version"] or {}
    keys = [each["key"] for each in data["properties"]] if data else []
    revisions = data["history"]["nodes"] if data else []
    values = [each for metric in data["metrics"] for each in metric["series"]["nodes"]] if data else []
    groups = {each["name"] for each in data["lineageGroups"]} if data else set()
    job_groups = {each["name"]: each["policy"] for each in job["lineageGroups"]} if job else {}
    events = output["ascendants"]["nodes"] if output else []
    approvals = version["approvals"]["nodes"] if version else []
    created, changed = f"group-{n}", f"changed-{n}"
    assert len(revisions) <= 1, f"a revision was recorded twice: {revisions}"
    assert len(values) <= 2, f"observations were recorded twice: {values}"
    assert len(approvals) <= 1, f"a review was recorded twice: {approvals}"
    assert created not in job_groups, "half of a change of a group"
    assert changed not in groups, "half of a change of a group"
    return {
        "lineageRecord": ["p" in keys, job is not None, bool(job and len(job["associations"]["nodes"]) == 1)],
        "entityRevise": ["revised" in keys, bool(data and data["tags"] == ["revised"]), len(revisions) == 1],
        "observationsRecord": [len(values) > 0, len(values) == 2],
        "event": [output is not None, {"kind": "PROCESSING_JOB", "status": "COMPLETED"} in events, len(events) == 2],
        "modelVersionRegister": [
            version.get("description") == f"version-{n}",
            (version.get("group") or {}).get("urn") == GROUP,
            (version.get("model") or {}).get("urn") == f"lineal:{OWNER}:MODEL:m",
        ],
        "modelVersionReview": [approvals == [{"decision": "APPROVED"}]],
        "lineageGroupCreate": [created in groups or changed in job_groups],
        "lineageGroupChange": [changed in job_groups],
        "lineageGroupPolicySet": [job_groups.get(changed) == _policy(story)],
    }


_LISTS: Final = {
    "apiKeys": "name revokedAt",
    "resourceShares": "name revokedAt invitations { state }",
    "accounts": "name",
    "lineageGroups": "name",
    "quarantine": "job",
    "modelVersions": "description",
}


async def lists(owner: Caller) -> dict[str, list[dict[str, Any]]]:
    """All that the lists of a store show the owner."""
    return {name: [each async for each in _pages(owner, name, fields)] for name, fields in _LISTS.items()}


async def _pages(owner: Caller, name: str, fields: str) -> AsyncIterator[dict[str, Any]]:
    after = None
    while True:
        query = f"""query ($a: String) {{ c: {name}(first: 100, after: $a) {{
          nodes {{ {fields} }} pageInfo {{ endCursor hasNextPage }} }} }}"""
        page = (await owner.ask(query, a=after))["c"]
        for node in page["nodes"]:
            yield node
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def check_lists(found: dict[str, list[dict[str, Any]]], stories: Iterable[Story]) -> None:
    """Fail where an acknowledged step of a story is not in the lists, or a step was done twice."""
    by_name: dict[str, dict[str, dict[str, Any]]] = {}
    for name, nodes in found.items():
        named_by = {"quarantine": "job", "modelVersions": "description"}.get(name, "name")
        # Every account has a group of the name `default`, and versions and documents of the seed have no names.
        named = [node for node in nodes if node[named_by] and "-" in node[named_by]]
        by_name[name] = {node[named_by]: node for node in named}
        assert len(by_name[name]) == len(named), f"something in {name} was made twice"
    for story in stories:
        n, done = story.number, set(story.done)
        key, share = by_name["apiKeys"].get(f"key-{n}"), by_name["resourceShares"].get(f"share-{n}")
        there = {
            "apiKeyCreate": key is not None,
            "apiKeyRevoke": bool(key and key["revokedAt"]),
            "resourceShareCreate": share is not None and len(share["invitations"]) == 1,
            "invitation": bool(share and share["invitations"][0]["state"] != "PENDING"),
            "resourceShareRevoke": bool(share and share["revokedAt"]),
            "accountCreate": f"account-{n}" in by_name["accounts"],
            "lineageGroupCreate": bool(by_name["lineageGroups"].keys() & {f"group-{n}", f"changed-{n}"}),
            "modelVersionRegister": f"version-{n}" in by_name["modelVersions"],
        }
        lost = [step for step, is_there in there.items() if step in done and not is_there]
        assert not lost, f"acknowledged and lost: {lost} of story {n}"
        document = f"bad-{n}" in by_name["quarantine"]
        if "quarantineDiscard" in done:
            assert not document, f"a discarded document of story {n} is back"
        elif "refused event" in done and story.next_step != "quarantineDiscard":
            assert document, f"a refused document of story {n} is lost"
