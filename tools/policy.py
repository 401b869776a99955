"""A policy: how a tool is to be run, declared beside it and kept by the toolbox and the call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

Late = Literal["speak_when_free", "next_turn", "drop"]
WHOLE = frozenset({"result_limit", "concurrency", "retries"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one tool is to be run. Raises ValueError where its parts do not go together."""

    timeout: float | None = None  # seconds for the whole run, retries included; None: the toolbox's
    concurrency: int = 0  # runs at the same time, of all calls together; 0: no limit
    retries: int = 0  # further attempts after a failure that is no ToolError
    cache: float = 0.0  # seconds for which a result answers the same arguments again
    result_limit: int | None = None  # bytes of UTF-8; None: the toolbox's
    late: Late = "speak_when_free"  # a result after the caller has gone on to something else
    confirm: bool = False  # run it only after the caller has agreed to it in this call
    side_effects: bool = True  # whether running it changes anything outside
    idempotent: bool = False  # whether a second run with the same key changes nothing more
    prefetch: bool = False  # start it while the model still writes its arguments
    price_usd: float = 0.0  # of a run, for the budgets of calls

    def __post_init__(self) -> None:
        for name in ("timeout", "result_limit"):
            value = getattr(self, name)
            if value is not None and not _number(name, value) > 0:
                raise ValueError(f"{name} is {value}; give more than 0")
        for name in ("concurrency", "retries", "cache", "price_usd"):
            if not _number(name, value := getattr(self, name)) >= 0:
                raise ValueError(f"{name} is {value}; give 0 or more")
        if self.late not in get_args(Late):
            raise ValueError(f"late is {self.late!r}; give one of {', '.join(get_args(Late))}")
        if self.side_effects and (self.cache or self.prefetch):
            which = "cache" if self.cache else "prefetch"
            raise ValueError(f"{which} is for a tool that changes nothing: add side_effects=False")
        if self.prefetch and self.confirm:
            raise ValueError("prefetch runs ahead of the caller's consent: leave confirm out")
        if self.retries and not self.repeatable:
            raise ValueError(
                "retries may do the same thing twice: add side_effects=False, or idempotent=True "
                "if it does nothing more for a key (ToolContext.key) that it has seen"
            )

    @property
    def repeatable(self) -> bool:
        """Whether it may be run again for the same call."""
        return self.idempotent or not self.side_effects


def _number(name: str, value: Any) -> float:
    if name in WHOLE and not isinstance(value, int):
        raise ValueError(f"{name} is {value!r}; give a whole number")
    if not isinstance(value, int | float):
        raise ValueError(f"{name} is {value!r}; give a number")
    return value
