"""The questions of the guide on comparing trials, asked of the sweep that it tells of."""

import re
from pathlib import Path
from typing import Any

import pytest
from graphql_requests import data
from observation_requests import observed, series
from record_builders import EPOCH, properties

from lineal.auth.principals import LOCAL
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity
from lineal.graphstore.kinds import AssociationType, EntityKind
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store
from lineal.graphstore.urns import make_urn
from lineal.graphstore.values import Json

GUIDE = {
    name: text
    for text, name in re.findall(
        r"```graphql\n((?:query|mutation) (\w+).*?)```", Path("docs/how-to/compare-trials.md").read_text(), re.DOTALL
    )
}
NUMBERS = range(1, 6)


def urn(kind: EntityKind, name: str) -> str:
    return make_urn("local", kind, name, None)


TRIALS = [urn(EntityKind.TRIAL, f"sweep-{number}") for number in NUMBERS]


async def swept() -> Store:
    store = await open_store("memory:")
    experiment, link = urn(EntityKind.EXPERIMENT, "churn"), AssociationType.ASSOCIATED_WITH
    entities = [NewEntity("local", EntityKind.EXPERIMENT, "churn", occurred_at=EPOCH)]
    ties = []
    for number, trial in zip(NUMBERS, TRIALS, strict=True):
        expected: dict[str, Json] = {"hyperparameters.learning_rate": number / 10, "hyperparameters.optimizer": "adam"}
        entities.append(NewEntity("local", EntityKind.TRIAL, f"sweep-{number}", occurred_at=EPOCH))
        part = NewEntity(
            "local", EntityKind.TRIAL_COMPONENT, f"fit-{number}", properties=properties(**expected), occurred_at=EPOCH
        )
        entities.append(part)
        ties.append(NewAssociation(experiment, trial, link))
        ties.append(NewAssociation(trial, urn(EntityKind.TRIAL_COMPONENT, f"fit-{number}"), link))
    await store.record(Batch(tuple(entities), tuple(ties)), by="me")
    done = await data(store, GUIDE["RecordASeries"])
    assert done == {"observationsRecord": {"newCount": 3, "userErrors": []}}
    inputs = [series(trial, "loss", 0.9, 0.1 * number) for number, trial in zip(NUMBERS, TRIALS, strict=True)]
    assert (await observed(store, LOCAL, *inputs[1:]))["newCount"] == 8
    return store


def varying(*values: Any) -> list[Any]:
    return [{"values": [value]} for value in values]


ANSWERS: dict[str, Any] = {
    "RecordASeries": {"observationsRecord": {"newCount": 0, "userErrors": []}},
    "HighLearningRates": {"entity": {"trials": {"totalCount": 2, "nodes": [{"name": "sweep-4"}, {"name": "sweep-5"}]}}},
    "OnlyTheLearningRate": {
        "comparison": {
            "differingOnlyIn": [
                {"of": {"name": f"sweep-{n}", "metrics": [{"last": 0.1 * n}]}, "values": [{"value": n / 10}]}
                for n in NUMBERS[1:]
            ]
        }
    },
    "PlotIt": {
        "entity": {
            "metrics": [
                {
                    "buckets": [
                        {
                            "count": 1,
                            "min": {"step": 1, "value": 0.9},
                            "max": {"step": 1, "value": 0.9},
                            "last": {"step": 1, "value": 0.9},
                        },
                        {
                            "count": 2,
                            "min": {"step": 2, "value": 0.4},
                            "max": {"step": 3, "value": 0.5},
                            "last": {"step": 3, "value": 0.5},
                        },
                    ]
                }
            ]
        }
    },
    "WhatVaries": {
        "comparison": {
            "totalCount": 5,
            "isComplete": True,
            "entities": [{"name": f"sweep-{n}"} for n in NUMBERS],
            "varying": [
                {
                    "key": "hyperparameters.learning_rate",
                    "cells": varying(*({"value": n / 10, "from": {"name": f"fit-{n}"}} for n in NUMBERS)),
                }
            ],
            "constant": [{"key": "hyperparameters.optimizer", "cells": varying(*[{"value": "adam"}] * 5)}],
        }
    },
    "BestByLoss": {
        "comparison": {
            "metrics": [
                {
                    "name": "loss",
                    "best": {"of": {"name": "sweep-2"}},
                    "lowest": {"of": {"name": "sweep-2"}},
                    "cells": [
                        {
                            "of": {"name": f"sweep-{n}"},
                            "metrics": [{"last": last, "min": least, "count": count, "from": {"name": f"sweep-{n}"}}],
                        }
                        for n, last, least, count in [
                            (1, 0.5, 0.4, 3),
                            *((n, 0.1 * n, 0.1 * n, 2) for n in NUMBERS[1:]),
                        ]
                    ],
                }
            ]
        }
    },
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_the_guides_questions(name: str) -> None:
    async with await swept() as store:
        assert await data(store, GUIDE[name]) == ANSWERS[name]


async def test_the_guides_pages() -> None:
    async with await swept() as store:
        (loss,) = (await data(store, GUIDE["ReadItBack"]))["entity"]["metrics"]
        assert loss["series"]["pageInfo"].pop("endCursor")
        assert loss == {
            "name": "loss",
            "last": 0.5,
            "min": 0.4,
            "max": 0.9,
            "count": 3,
            "nanCount": 0,
            "series": {
                "totalCount": 3,
                "pageInfo": {"hasNextPage": True},
                "nodes": [
                    {"step": 1, "value": 0.9, "occurredAt": "2026-03-01T12:00:00.000000Z"},
                    {"step": 2, "value": 0.4, "occurredAt": "2026-03-01T12:01:00.000000Z"},
                ],
            },
        }


def test_every_question_of_the_guide_is_asked() -> None:
    assert GUIDE.keys() == ANSWERS.keys() | {"ReadItBack"}
