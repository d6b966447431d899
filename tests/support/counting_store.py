"""How often each verb of a real store is called: a round trip each."""

from collections import Counter
from typing import Any

from lineal.graphstore.store import Store
from lineal.metrics import VERBS


def counted(store: Store) -> Counter[str]:
    """Count every call of a store's verbs from now on."""
    calls: Counter[str] = Counter()

    def watched(verb: str) -> Any:
        call = getattr(store, verb)

        async def counting(*args: Any, **named: Any) -> Any:
            calls[verb] += 1
            return await call(*args, **named)

        return counting

    for verb in VERBS:
        setattr(store, verb, watched(verb))
    return calls
