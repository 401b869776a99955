"""Where the folders are that ship with the gateway: in the wheel, or in a checkout."""

from __future__ import annotations

from pathlib import Path

from gateway.errors import TrunklineError

PACKAGE = Path(__file__).resolve().parent


def client_dir() -> Path:
    """The browser page."""
    return _find("client", "index.html")


def samples_dir() -> Path:
    """Recorded speech, journals and small programs to start from."""
    return _find("samples", "README.md")


def _find(name: str, witness: str) -> Path:
    """The wheel's copy comes first: a folder beside an installed gateway may be a stranger's."""
    places = (PACKAGE / "share" / name, PACKAGE.parent / name)
    for place in places:
        if (place / witness).is_file():
            return place
    raise TrunklineError(
        f"Expected a folder {name!r} with {witness} at {places[0]} or {places[1]}, and found none. "
        "Install the package again, or run from a whole checkout."
    )
