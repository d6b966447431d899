"""The facets that state dependencies of runs and the lineage of datasets, columns and jobs."""

from typing import Any

from openlineage_events import PARENT, RUN, dataset, event, facet, job, received

WORK = f"PROCESSING_JOB:{RUN}"
OTHER = f"PROCESSING_JOB:{PARENT}"
FIRST = {"namespace": "n", "name": "first"}


def node(name: str, **more: Any) -> dict[str, Any]:
    return {"namespace": "pg", "name": name, "type": "DATASET", **more}


def run(**facets: Any) -> dict[str, Any]:
    return {"runId": RUN, "facets": {key: facet(**value) for key, value in facets.items()}}


async def test_runs_wait_for_others_and_others_for_them() -> None:
    upstream = [{"job": FIRST, "run": {"runId": PARENT}}, {"job": {"namespace": "n", "name": "second"}}, {}, 5]
    downstream = [{"job": {"namespace": "n", "name": "last"}}]
    held = await received(event(run=run(jobDependencies={"upstream": upstream, "downstream": downstream})))
    assert {link for link in held.links() if link[1] == "CONTRIBUTED_TO"} == {
        (OTHER, "CONTRIBUTED_TO", WORK),
        ("PIPELINE:n/second", "CONTRIBUTED_TO", WORK),
        (WORK, "CONTRIBUTED_TO", "PIPELINE:n/last"),
    }
    assert ("PIPELINE:n/first", "ASSOCIATED_WITH", OTHER) in held.links()
    assert {each.role for each in held.associations if each.type == "CONTRIBUTED_TO"} == {"dependency"}


async def test_the_lineage_of_a_run_names_datasets_columns_and_jobs() -> None:
    masked = {"type": "DIRECT", "subtype": "IDENTITY", "masking": True}
    entries = [
        {
            **node("out"),
            "inputs": [node("in"), {**FIRST, "type": "JOB", "runId": PARENT}],
            "fields": {
                "id": {"inputs": [node("in", field="key", transformations=[masked])]},
                "total": {"inputs": [{"type": "JOB"}, node("in")]},
            },
        },
        {**node("made"), "inputs": []},
        {"type": "JOB", "inputs": [node("checked"), node("in", field="key", transformations=[{"type": "INDIRECT"}])]},
        {**FIRST, "type": "JOB", "inputs": [{"namespace": "n", "name": "second", "type": "JOB"}]},
        {"type": "DATASET"},
        None,
    ]
    held = await received(event(inputs=[dataset("pg", "checked")], run=run(lineage={"entries": entries})))
    assert {link for link in held.links() if link[1] != "ASSOCIATED_WITH"} == {
        ("DATASET:pg/in", "DERIVED_FROM", "DATASET:pg/out"),
        (OTHER, "PRODUCED", "DATASET:pg/out"),
        ("FEATURE:pg/in#key", "DERIVED_FROM", "FEATURE:pg/out#id"),
        (WORK, "PRODUCED", "FEATURE:pg/out#total"),
        ("DATASET:pg/in", "DERIVED_FROM", "FEATURE:pg/out#total"),
        (WORK, "PRODUCED", "DATASET:pg/made"),
        ("DATASET:pg/checked", "CONTRIBUTED_TO", WORK),
        ("FEATURE:pg/in#key", "CONTRIBUTED_TO", WORK),
        ("PIPELINE:n/second", "CONTRIBUTED_TO", "PIPELINE:n/first"),
    }
    (derived,) = [each for each in held.associations if each.role == "DIRECT IDENTITY MASKED"]
    assert {each.key: each.value for each in derived.properties}["transformation.masking"] is True


async def test_the_lineage_of_a_job_and_of_a_dataset() -> None:
    of_job = {"entries": [{"type": "JOB", "inputs": [node("in")]}]}
    of_dataset = {"inputs": [node("in")], "fields": {"id": {"inputs": [node("in", field="key")]}}}
    sent = event(eventType=None, run=None, job=job(lineage=of_job), outputs=[dataset("pg", "out", lineage=of_dataset)])
    held = await received(sent, sent)
    assert {link for link in held.links() if link[1] != "ASSOCIATED_WITH"} == {
        ("DATASET:pg/in", "CONTRIBUTED_TO", "PIPELINE:n/j"),
        ("PIPELINE:n/j", "PRODUCED", "DATASET:pg/out"),
        ("DATASET:pg/in", "DERIVED_FROM", "DATASET:pg/out"),
        ("FEATURE:pg/in#key", "DERIVED_FROM", "FEATURE:pg/out#id"),
    }
