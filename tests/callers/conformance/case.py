"""What a bridge's file gives the conformance suite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from gateway.call.effects import ToCaller
from gateway.call.events import CallerJoined, FromCaller
from gateway.callers.dialect import Dialect, Message
from gateway.doors import bridges
from tests.callers.peers.provider import Provider


@dataclass(frozen=True)
class Case:
    """A bridge: its dialect, its provider, and messages written down from the documentation."""

    dialect: Callable[[], Dialect]
    provider: Callable[[], Provider]
    joined: CallerJoined  # what the provider's beginning means
    heard: Sequence[tuple[Message, Sequence[FromCaller]]]  # golden messages after the beginning
    told: Sequence[tuple[ToCaller, Sequence[Message]]]  # golden effects, in order on one dialect
    ignored: Sequence[Message]  # what means nothing to us and breaks nothing
    garbage: Sequence[Message]  # what breaks the protocol
    exact: bool = True  # whether sound passes bit for bit
    marks: bool = True  # whether the provider says what was heard, slice by slice
    reports: bool = False  # whether it says it in another way
    late: bool = False  # whether a mark comes back only when more sound follows it
    clears: bool = True  # whether a flush has to be told
    once: bool = True  # whether a second beginning breaks the protocol
    keys: str = "0123456789*#"


def case_of(name: str) -> Case:
    """The case of a bridge: `CASE` of tests.callers.conformance.<name>."""
    case = import_module(f"tests.callers.conformance.{name}").CASE
    assert isinstance(case, Case)
    return case


NAMES = bridges.NAMES  # of each bridge there is one
