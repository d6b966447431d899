"""Bounds on open connections, in all and by peer address.

At a bound, the connection that has waited longest for its client is closed in favour of a new one: of the same peer at
the bound of a peer, of the peer with the most connections at the bound of all. Where no connection waits, because all
are in a request, a new one is held in a small reserve, which serves `/healthz` alone.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Final, Protocol

import structlog

log = structlog.get_logger()

RESERVE: Final = 32
"""The most connections above the bounds. Each is answered at once, so the oldest is closed for a new one."""
REPORT_SECONDS: Final = 60.0


class Connection(Protocol):
    """An open connection, as its bounds see it."""

    @property
    def peer(self) -> str:
        """The address that connections are counted by."""

    def abort(self) -> None:
        """Close the connection without waiting for anything."""

    def overdue(self, now: float) -> str | None:
        """Why the connection must be closed now; None if it need not be."""


@dataclass(slots=True)
class _Peer:
    open: int = 0
    waiting: dict[Connection, None] = field(default_factory=dict)
    """The connections between two requests, those that have waited longest first."""


def peer_of(host: str) -> str:
    """The address to count a host by: itself, or the /64 network of an IPv6 address, which one host can have whole."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> 64 << 64))


class Connections:
    """All open connections of a server. `count` is called with the reason for every one refused or closed."""

    def __init__(self, most: int, most_of_peer: int, count: Callable[[str], None] = lambda _: None) -> None:
        self.most, self.most_of_peer = most, most_of_peer
        self._count = count
        self._open: dict[Connection, None] = {}
        self._peers: dict[str, _Peer] = {}
        self._reserve: dict[Connection, None] = {}
        self._reasons: Counter[str] = Counter()
        self._reported = -REPORT_SECONDS

    def __len__(self) -> int:
        return len(self._open) + len(self._reserve)

    def admit(self, connection: Connection) -> bool:
        """Whether a new connection, which waits for its first request, is within the bounds; else it is in reserve."""
        peer = self._peers.setdefault(connection.peer, _Peer())
        if peer.open >= self.most_of_peer:
            is_admitted = self._close_longest_waiting(peer, "connections_of_peer")
        elif len(self._open) >= self.most:
            largest = max((each for each in self._peers.values() if each.waiting), key=_size, default=peer)
            is_admitted = self._close_longest_waiting(largest, "connections")
        else:
            is_admitted = True
        if is_admitted:
            peer = self._peers.setdefault(connection.peer, peer)
            peer.open += 1
            self._open[connection] = peer.waiting[connection] = None
            return True
        self._drop(connection.peer)
        self.note("in_reserve")
        if len(self._reserve) >= RESERVE:
            oldest = next(iter(self._reserve))
            del self._reserve[oldest]
            oldest.abort()
        self._reserve[connection] = None
        return False

    def waits(self, connection: Connection) -> None:
        """State that a connection waits for its client's next request."""
        if connection in self._open:
            self._peers[connection.peer].waiting[connection] = None

    def works(self, connection: Connection) -> None:
        """State that a connection is in a request."""
        if connection in self._open:
            self._peers[connection.peer].waiting.pop(connection, None)

    def forget(self, connection: Connection) -> None:
        """Count a connection no longer."""
        self._reserve.pop(connection, None)
        if connection in self._open:
            del self._open[connection]
            peer = self._peers[connection.peer]
            peer.open -= 1
            peer.waiting.pop(connection, None)
            self._drop(connection.peer)

    def note(self, reason: str) -> None:
        """Count a connection that was refused or closed, for the next report."""
        self._reasons[reason] += 1
        self._count(reason)

    def sweep(self, now: float) -> None:
        """Close overdue connections and, at most once a minute, report."""
        for connection in [*self._open, *self._reserve]:
            if reason := connection.overdue(now):
                self.note(reason)
                self.forget(connection)
                connection.abort()
        if now >= self._reported + REPORT_SECONDS and self.report():
            self._reported = now

    def report(self) -> bool:
        """Log how many connections were refused or closed since the last report, and why; whether there were any."""
        if not self._reasons:
            return False
        log.warning("connections refused or closed", open=len(self), **self._reasons)
        self._reasons.clear()
        return True

    def _close_longest_waiting(self, peer: _Peer, reason: str) -> bool:
        connection = next(iter(peer.waiting), None)
        if connection is None:
            return False
        self.note(reason)
        self.forget(connection)
        connection.abort()
        return True

    def _drop(self, name: str) -> None:
        if not self._peers[name].open:
            del self._peers[name]


def _size(peer: _Peer) -> int:
    return peer.open
