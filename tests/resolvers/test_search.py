"""Search and order through GraphQL: the guide's questions, and what is said to those that cannot be answered."""

import re
from pathlib import Path
from typing import Any

import pytest
from graphql_requests import answer, data
from record_builders import entity, properties, urn

from lineal.graphstore import ordering
from lineal.graphstore.batches import Batch, NewAssociation
from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import AssociationType, EntityKind
from lineal.graphstore.opening import open_store
from lineal.graphstore.records import Source
from lineal.graphstore.store import Store
from lineal.resolvers.errors import BadInput

GUIDE = dict(re.findall(r"```graphql\n(query (\w+) .*?)```", Path("docs/how-to/search.md").read_text(), re.DOTALL))
JOB, MODEL = EntityKind.TRAINING_JOB, EntityKind.MODEL


async def filled() -> Store:
    store = await open_store("memory:")
    link = AssociationType.CONTRIBUTED_TO
    data_urn, job, other = urn("customers"), urn("train-churn", JOB), urn("check-churn", JOB)
    models = [urn("churn-model", MODEL), urn("other-model", MODEL)]
    jobs = [(f"j{n}", 0.001 * n, 0.5 + n / 10) for n in range(1, 6)]
    await store.record(
        Batch(
            (
                entity("customers", tags=("churn",), source=Source("s3://lake/customers/2026-03")),
                entity("train-churn", JOB, tags=("customers",)),
                entity("check-churn", JOB),
                entity("churn-model", MODEL, source=Source("s3://models/churn/7.tar.gz")),
                entity("other-model", MODEL),
                *(
                    entity(
                        name, JOB, properties=properties(**{"hyperparameters.learning_rate": rate, "metrics.auc": auc})
                    )
                    for name, rate, auc in jobs
                ),
                entity(
                    "fast", JOB, properties=properties(**{"hyperparameters.learning_rate": 0.5, "metrics.auc": 1.0})
                ),
            ),
            (
                NewAssociation(data_urn, job, link, "train"),
                NewAssociation(data_urn, other, link, "validation"),
                NewAssociation(job, models[0], AssociationType.PRODUCED),
                NewAssociation(other, models[1], AssociationType.PRODUCED),
            ),
        ),
        by="me",
    )
    return store


ANSWERS: dict[str, Any] = {
    "WhichJobMadeIt": {
        "entities": {
            "nodes": [
                {
                    "urn": urn("churn-model", MODEL),
                    "ascendants": {"nodes": [{"urn": urn("train-churn", JOB), "kind": "TRAINING_JOB"}]},
                }
            ]
        }
    },
    "ModelsTrainedOnIt": {
        "datasets": {
            "nodes": [
                {
                    "urn": urn("customers"),
                    "descendants": {"totalCount": 1, "nodes": [{"urn": urn("churn-model", MODEL)}]},
                }
            ]
        }
    },
    "WhatValidatedWithIt": {
        "datasets": {"nodes": [{"urn": urn("customers"), "descendants": {"nodes": [{"urn": urn("check-churn", JOB)}]}}]}
    },
    "BestWithALowLearningRate": {
        "entities": {
            "totalCount": 5,
            "nodes": [{"urn": urn(f"j{n}", JOB), "auc": 0.5 + n / 10} for n in (5, 4, 3)],
        }
    },
    "SomethingLikeIt": {
        "entities": {
            "totalCount": 2,
            "countsByKind": [{"kind": "DATASET", "count": 1}, {"kind": "TRAINING_JOB", "count": 1}],
            "nodes": [{"urn": urn("customers")}, {"urn": urn("train-churn", JOB)}],
        }
    },
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_the_guides_questions(name: str) -> None:
    (question,) = [text for text, named in GUIDE.items() if named == name]
    async with await filled() as store:
        assert await data(store, question) == ANSWERS[name]


def test_every_question_of_the_guide_is_asked() -> None:
    assert set(GUIDE.values()) == set(ANSWERS)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ('search: ""', BadInput, "search holds no word: give at least one letter or digit, or leave it out"),
        ('search: "-- !"', BadInput, "search holds no word"),
        (f'search: "{"a" * 1001}"', LimitExceeded, "search has 1001 characters; the most is 1000"),
        (f'search: "{" ".join(f"w{n}" for n in range(21))}"', LimitExceeded, "search has 21 words; the most is 20"),
        ("orderBy: {field: PROPERTY}", BadInput, "orderBy PROPERTY needs a propertyKey: give the key"),
        ('orderBy: {field: PROPERTY, propertyKey: ""}', BadInput, "orderBy PROPERTY needs a propertyKey"),
        (
            'orderBy: {field: NAME, propertyKey: "k"}',
            BadInput,
            "orderBy NAME takes no propertyKey: leave it out",
        ),
        (
            'orderBy: {field: PROPERTY, propertyKey: "k"}',
            LimitExceeded,
            "more than 3 entities match, too many to be sorted by a property: narrow the filter or the search",
        ),
    ],
)
async def test_invalid_searches(
    arguments: str, kind: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordering, "MOST_SORTED", 3)
    async with await filled() as store:
        result = await answer(store, f"{{ entities({arguments}) {{ totalCount }} }}")
        (error,) = result.errors
        assert error.message.startswith(message)
        assert isinstance(error.original_error, kind)


async def test_a_cursor_belongs_to_its_search_and_its_order() -> None:
    async with await filled() as store:
        asked = 'entities(first: 1, search: "%s", orderBy: {field: NAME%s}%s) { pageInfo { endCursor } nodes { name } }'
        page = (await data(store, f"{{ {asked % ('churn', '', '')} }}"))["entities"]
        after = f', after: "{page["pageInfo"]["endCursor"]}"'
        following = (await data(store, f"{{ {asked % ('churn', '', after)} }}"))["entities"]
        assert [page["nodes"], following["nodes"]] == [[{"name": "check-churn"}], [{"name": "churn-model"}]]
        for search, direction in (("model", ""), ("churn", ", direction: DESCENDING")):
            result = await answer(store, f"{{ {asked % (search, direction, after)} }}")
            assert "after is not a cursor of this field with these arguments" in result.errors[0].message
