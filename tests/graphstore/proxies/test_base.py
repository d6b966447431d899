"""Every verb of the contract passes a proxy, with the signature the contract declares."""

import inspect
from typing import Any
from unittest.mock import AsyncMock, MagicMock, sentinel

import pytest

from lineal.graphstore.proxies.base import StoreProxy
from lineal.graphstore.store import Store

AWAITED = sorted(Store.__abstractmethods__ - {"export", "verify"})


def arguments_of(verb: str) -> tuple[list[Any], dict[str, Any]]:
    """A distinct value for every parameter of a verb."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(getattr(Store, verb)).parameters.items())[1:]:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            named[name] = getattr(sentinel, name)
        else:
            positional.append(getattr(sentinel, name))
    return positional, named


@pytest.mark.parametrize("verb", AWAITED)
async def test_a_verb_is_forwarded_with_all_its_arguments(verb: str) -> None:
    inner = MagicMock(spec=Store)
    forwarded = AsyncMock(return_value=sentinel.answer)
    setattr(inner, verb, forwarded)
    positional, named = arguments_of(verb)
    answer = await getattr(StoreProxy(inner), verb)(*positional, **named)
    forwarded.assert_awaited_once_with(*positional, **named)
    assert answer in (sentinel.answer, None), "None from verbs that return nothing"


@pytest.mark.parametrize("verb", sorted(Store.__abstractmethods__))
def test_a_verb_has_the_signature_of_the_contract(verb: str) -> None:
    assert inspect.signature(getattr(StoreProxy, verb)) == inspect.signature(getattr(Store, verb))


@pytest.mark.parametrize("verb", sorted(set(AWAITED) - {"close"}))
async def test_a_verb_passes_the_hook_that_subclasses_override(verb: str) -> None:
    passed: list[str] = []

    class Hooked(StoreProxy):
        async def _forward(self, verb: str, call: Any, *args: Any, **named: Any) -> Any:
            passed.append(verb)

    positional, named = arguments_of(verb)
    await getattr(Hooked(MagicMock(spec=Store)), verb)(*positional, **named)
    assert passed == [verb]


async def test_an_export_is_forwarded() -> None:
    inner = MagicMock(spec=Store)
    inner.export.return_value = sentinel.parts
    exported: Any = StoreProxy(inner).export(sentinel.view)
    assert exported is sentinel.parts
    inner.export.assert_called_once_with(sentinel.view)


async def test_a_verification_is_forwarded() -> None:
    inner = MagicMock(spec=Store)
    inner.verify.return_value = sentinel.steps
    verified: Any = StoreProxy(inner).verify(sentinel.sample)
    assert verified is sentinel.steps
    inner.verify.assert_called_once_with(sentinel.sample)
