"""The settings of what one gateway takes on, and of how it stops."""

from __future__ import annotations

from pydantic import Field

from gateway.section import Section


class Limits(Section):
    """When a machine has enough to do; calls beyond that are refused as busy, as in max_calls."""

    lag_ms: int = Field(
        default=250,
        ge=0,
        le=60_000,
        description="How late the event loop may run: the 95th percentile of the last 5 seconds;"
        " 0: whatever it is.",
    )
    memory_mb: int = Field(
        default=0,
        ge=0,
        le=10_000_000,
        description="Memory that the process may hold, where the system says (Linux); 0: all.",
    )


class Shutdown(Section):
    """What becomes of live calls when Trunkline is told to stop; told twice, it ends at once."""

    finish_s: float = Field(
        default=20,
        ge=0,
        le=86_400,
        description="Seconds in which calls may come to their own end, after SIGTERM.",
    )
    goodbye_s: float = Field(
        default=8,
        ge=0,
        le=60,
        description="Seconds for telling the callers who are left that it ends, and hanging up.",
    )
