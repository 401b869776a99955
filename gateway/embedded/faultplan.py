"""A plan of faults: what is to go wrong in which session of a Realtime server, and when."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import msgspec

from gateway.errors import SettingsError

Kind = Literal[
    "refuse",  # the handshake is answered with an HTTP status
    "drop",  # the socket is gone, with no close frame
    "expire",  # session_expired, and close 1001
    "half_open",  # nothing is said or heard any more, not even by the socket, which stays
    "mute",  # the server says nothing any more, while its socket lives
    "delay",  # each event from here on comes so much later
    "rate_limit",  # the answer fails with a limit
    "server_error",  # the answer fails with a fault of the server
    "quota",  # the answer fails because the account is empty
    "late",  # audio of a cancelled answer comes after its end
    "reorder",  # an event comes after the one that follows it
    "duplicate",  # an event comes twice
    "corrupt",  # an event comes as half of its text
    "unknown",  # an event that nobody knows comes before it
    "error",  # an error that nobody knows comes before it
    "two_answers",  # the answer comes twice at once, under two names
]
KINDS: tuple[Kind, ...] = get_args(Kind)
ANSWERS: tuple[Kind, ...] = ("rate_limit", "server_error", "quota", "two_answers")
CREATED = "response.created"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: at the `count`-th event of a type, or so many seconds after the session opened."""

    kind: Kind
    session: int = 0  # of the server, from 1 in the order of handshakes; 0: of each
    event: str = ""  # the type of a server event; empty: any, and for answers response.created
    count: int = 1
    after: float = 0.0  # seconds; an event before that does not count
    times: int = 1  # so many events or answers in a row; 0: all from there on
    ms: int = 500  # of a delay
    status: int = 503  # of a refusal

    @property
    def at(self) -> str:
        """The type of the events that count; empty: any."""
        return self.event or (CREATED if self.kind in ANSWERS else "")


@dataclass(frozen=True, slots=True)
class Chance:
    """Faults by chance: the same ones for the same seed and the same events."""

    share: float = 0.0  # of all events
    seed: int = 1
    kinds: tuple[Kind, ...] = ("drop", "delay", "reorder", "duplicate", "corrupt", "unknown")


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """All that is to go wrong."""

    fault: tuple[Fault, ...] = ()
    random: Chance = Chance()
    handshake_ms: int = 0  # that each handshake takes, as with a server that is far away

    def refusal(self, session: int) -> int:
        """The HTTP status that answers this handshake; 0: it is let in."""
        wrong = (f for f in self.fault if f.kind == "refuse" and f.session in (0, session))
        return next((fault.status for fault in wrong), 0)


def load(path: Path) -> FaultPlan:
    """The plan in a TOML file. Raises SettingsError that names what is wrong."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8-sig")), FaultPlan)
    except OSError as error:
        raise SettingsError(f"--faults {path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"--faults {path}: expected TOML: {error}") from error
    except msgspec.ValidationError as error:
        known = ", ".join(KINDS)
        raise SettingsError(
            f"--faults {path}: {error}; expected [[fault]] tables with a kind of {known}"
        ) from error
