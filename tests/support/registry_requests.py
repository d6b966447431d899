"""Requests that register and review model versions through GraphQL."""

from typing import Any

from graphql_requests import data

from lineal.auth.principals import Principal
from lineal.graphstore.store import Store

REGISTER = """mutation ($i: ModelVersionRegisterInput!) { modelVersionRegister(input: $i) { isNew
  modelVersion { urn number version description tags properties { key value } occurredAt group { urn } model { urn } }
  userErrors { code message path } } }"""
REVIEW = """mutation ($i: ModelVersionReviewInput!) { modelVersionReview(input: $i) { isNew
  approval { urn account decision reason by at modelVersion { urn approval { decision } } }
  userErrors { code message path } } }"""


async def registered(store: Store, by: Principal, **input: Any) -> Any:
    """The payload of a modelVersionRegister."""
    return (await data(store, REGISTER, {"i": input}, by))["modelVersionRegister"]


async def reviewed(store: Store, by: Principal, urn: str, decision: str, **input: Any) -> Any:
    """The payload of a modelVersionReview."""
    input = {"version": {"urn": urn}, "decision": decision, **input}
    return (await data(store, REVIEW, {"i": input}, by))["modelVersionReview"]


def refusals(payload: Any) -> list[tuple[str, list[str]]]:
    """The codes and paths of the errors of a payload. Asserts that nothing was written."""
    assert payload["isNew"] is False
    assert [value for value in payload.values() if value not in (False, None)] == [payload["userErrors"]]
    return [(error["code"], error["path"]) for error in payload["userErrors"]]
