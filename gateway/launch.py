"""Sees that no other package has taken the name of one of ours, then runs the command.

Imports nothing but the standard library until that is settled; it may be run as a mere file.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

OURS = ("gateway", "audio", "tools")
HOME = Path(__file__).resolve().parents[1]  # the folder in which the three lie together
# Algebra takes a thread for each core, which turn idly while a process begins and beside its calls.
# What is asked of it here is too small for them.
ALGEBRA = "OPENBLAS_NUM_THREADS"


def main() -> int:
    """Run the command, or say who stands in its way."""
    if said := obstacle():
        sys.stderr.write(f"trunkline: {said}\n")
        return 2
    os.environ.setdefault(ALGEBRA, "1")
    from gateway import interrupts

    interrupts.end_at_once()
    from gateway.cli import main as run

    return run()


def obstacle() -> str:
    """What to tell the user when a package of another project shadows one of ours; else nothing."""
    intruders = [(name, place) for name in OURS if (place := _found(name)) != HOME / name]
    return "\n".join(_describe(name, place) for name, place in intruders)


def _found(name: str) -> Path | None:
    """The package or module that `import name` means here, which may have been imported already."""
    if name in sys.modules:
        file = sys.modules[name].__file__
    else:
        spec = find_spec(name)
        file = spec.origin if spec and spec.has_location else None
    if file is None:
        return None
    path = Path(file).resolve()
    return path.parent if path.name == "__init__.py" else path


def _describe(name: str, place: Path | None) -> str:
    if place is None:
        return f"its package {name!r} is missing from {HOME}; install Trunkline again"
    return (
        f"the {'package' if place.suffix != '.py' else 'module'} {name!r} at {place} stands in the"
        f" way of Trunkline's own at {HOME / name}; {_mend(place.parent)}"
    )


def _mend(folder: Path) -> str:
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if any(entry and Path(entry).resolve() == folder for entry in named):
        return (
            f"PYTHONPATH names {folder}: run `env -u PYTHONPATH trunkline ...`, or give Trunkline"
            " a virtual environment of its own"
        )
    if Path.cwd() == folder:
        return "it is found because it lies in the current folder: start from another, or rename it"
    return f"take {folder} off Python's path for this command, or rename it"
