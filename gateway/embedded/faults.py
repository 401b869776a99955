"""Faults that a test can order from the server: it misbehaves as real ones have been seen to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.embedded.responses import Failure


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on a connection, and when; nothing by default."""

    drop_after: int | None = None  # the socket is gone after so many events, with no close frame
    delay_ms: int = 0  # before each event
    refuse: int = 0  # HTTP status that answers the handshake
    expire_ms: int | None = None  # the session expires after this long
    rate_limit: int | None = None  # from this response on (the first is 1) they fail with a limit
    server_error: int | None = None  # or with an error of the server
    late: int = 0  # audio deltas repeated after the response.done of a cancelled response

    def failure(self, ordinal: int) -> Failure | None:
        """How the response with this number fails, if it is to."""
        if self.rate_limit is not None and ordinal >= self.rate_limit:
            message = "Rate limit reached for the model: tokens per minute. Try again in 1s."
            return Failure("rate_limit_exceeded", message)
        if self.server_error is not None and ordinal >= self.server_error:
            message = "The server had an error while processing your request. Try again."
            return Failure("server_error", message, "server_error")
        return None


NO_FAULTS = Faults()


def parse(orders: Iterable[str], base: Faults = NO_FAULTS) -> Faults:
    """Faults from `name:number` orders of a query string. Raises ValueError on another kind."""
    for order in orders:
        name, _, number = order.partition(":")
        if name not in Faults.__slots__ or not number.isdigit():
            names = ", ".join(Faults.__slots__)
            raise ValueError(f"fault '{order}': expected name:number with one of {names}")
        base = replace(base, **{name: int(number)})
    return base
