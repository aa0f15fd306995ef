"""Limits how often an address may come with a wrong token."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable

from hpo.serve.problems import ProblemError

ATTEMPTS, SECONDS = 10, 60.0  # so many in a row, and as many again in so long
ADDRESSES = 10_000  # that are remembered


class Attempts:
    """The wrong tokens of each address: a bucket that leaks. IPv6 addresses count by their networks of 64 bits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}

    def check(self, address: str) -> None:
        """Check that an address may try another token.

        Raises:
            ProblemError: 429, too many were wrong; it says when to come again.
        """
        excess = self._level(network(address)) - ATTEMPTS + 1
        if excess > 0:
            wait = max(1, math.ceil(excess * SECONDS / ATTEMPTS))
            raise ProblemError(
                429, f"too many wrong tokens from {address}: try again in {wait} s",
                headers={"Retry-After": str(wait)},
            )  # fmt: skip

    def count(self, address: str) -> None:
        """Count a wrong token."""
        place = network(address)
        level = self._level(place) + 1
        self._levels.pop(place, None)  # so that the oldest comes first
        self._levels[place] = (level, self._clock())
        if len(self._levels) > ADDRESSES:
            del self._levels[next(iter(self._levels))]

    def _level(self, place: str) -> float:
        level, at = self._levels.get(place, (0.0, 0.0))
        return max(0.0, level - (self._clock() - at) * ATTEMPTS / SECONDS)


def network(address: str) -> str:
    """The address, or the network of 64 bits of an IPv6 address, all of which one host may have."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
