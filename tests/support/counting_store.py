"""A store proxy that counts the calls of verbs: one round trip each."""

from collections import Counter

from lineal.graphstore.proxies.metered import MeteredStore
from lineal.graphstore.store import Store


class CountingStore(MeteredStore):
    """Counts its calls by verb in `calls`."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner, self._count)
        self.calls: Counter[str] = Counter()

    def _count(self, verb: str, outcome: str, seconds: float) -> None:
        self.calls[verb] += 1
