"""Registering and reviewing through GraphQL, for tests."""

from typing import Any

from asking import data

from lineal.auth.principals import Principal
from lineal.graphstore.store import Store

REGISTER = """mutation ($i: ModelVersionRegisterInput!) { modelVersionRegister(input: $i) { isNew
  modelVersion { urn number version description tags properties { key value } occurredAt group { urn } model { urn } }
  userErrors { code message path } } }"""
REVIEW = """mutation ($i: ModelVersionReviewInput!) { modelVersionReview(input: $i) { isNew
  approval { urn account decision reason by at modelVersion { urn approval { decision } } }
  userErrors { code message path } } }"""


async def registered(store: Store, by: Principal, **given: Any) -> Any:
    """What became of a modelVersionRegister."""
    return (await data(store, REGISTER, {"i": given}, by))["modelVersionRegister"]


async def reviewed(store: Store, by: Principal, urn: str, decision: str, **given: Any) -> Any:
    """What became of a modelVersionReview."""
    given = {"version": {"urn": urn}, "decision": decision, **given}
    return (await data(store, REVIEW, {"i": given}, by))["modelVersionReview"]


def told(done: Any) -> list[tuple[str, list[str]]]:
    """The codes and paths of what was refused, where nothing was written."""
    assert done["isNew"] is False
    assert [value for value in done.values() if value not in (False, None)] == [done["userErrors"]]
    return [(error["code"], error["path"]) for error in done["userErrors"]]
