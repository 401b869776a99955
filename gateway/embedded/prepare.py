"""Finds Moonshine's weights in the packages installed and converts them once into a cache."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from gateway.embedded.moonshine import TOKENS, Moonshine
from gateway.errors import AssistantError

Progress = Callable[[str, float], None]  # what is being done, and how much of all is: 0 to 1

_RECIPE: Final = 3  # counts up when the conversion changes, so that caches are made anew
_ABOUT: Final = "about.json"
_MEND: Final = "make it anew with: trunkline prepare --force"


@dataclass(frozen=True, slots=True)
class Weights:
    """A package's speech model as shipped."""

    model: str
    package: str
    folder: Path
    version: str

    @property
    def name(self) -> str:
        """The name of its folder in the cache: a new version gets a new one."""
        return f"{self.model}-{self.version}-r{_RECIPE}"


# The better first: base-en misses 1 word in 80, tiny-en 1 in 25.
_SHIPPED = (
    ("base-en", "moonshine-cpp", "moonshine_cpp", "models/base-en"),
    ("tiny-en", "moonshine-voice", "moonshine_voice", "assets/tiny-en"),
)


def find_weights() -> Weights:
    """The best model installed; its package is found but never imported (its library leaks)."""
    for model, package, module, inside in _SHIPPED:
        spec = find_spec(module)
        for home in (spec and spec.submodule_search_locations) or ():
            folder = Path(home) / inside
            if (folder / TOKENS).is_file():
                return Weights(model, package, folder, metadata.version(package))
    raise AssistantError(
        "the embedded assistant cannot hear: expected the speech model of moonshine-cpp, which is"
        ' not installed. Install it with: pip install "trunkline[assistant]"'
    )


def default_cache() -> Path:
    """$TRUNKLINE_CACHE, else where XDG keeps caches."""
    if chosen := os.environ.get("TRUNKLINE_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "trunkline"


def is_prepared(cache: Path | None = None) -> bool:
    """Whether `prepare` has been done for what is installed now."""
    return (_place(find_weights(), cache) / _ABOUT).is_file()


def prepare(
    progress: Progress | None = None, cache: Path | None = None, *, force: bool = False
) -> Path:
    """The folder of the converted model, converted now if it was not; seconds the first time.

    Blocks, so call it off the event loop. Of several processes one converts and the others wait.
    """
    weights = find_weights()
    place = _place(weights, cache)
    tell = progress or (lambda _what, _fraction: None)
    if force or not (place / _ABOUT).is_file():
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with _alone(place.parent, tell) as waited:
                if not (place / _ABOUT).is_file() or (force and not waited):
                    _make(weights, place, tell)
        except OSError as error:
            raise AssistantError(
                f"the speech model could not be written to {place.parent} ({error.strerror});"
                " expected a folder with 400 MB to spare: set TRUNKLINE_CACHE to one"
            ) from error
    tell("ready", 1.0)
    return place


def load(folder: Path) -> Moonshine:
    """Load a prepared model, after a check that each file is still as it was made."""
    try:
        about = json.loads((folder / _ABOUT).read_text())
        for name, digest in about["files"].items():
            if _digest(folder / name) != digest:
                raise AssistantError(f"{folder / name} is not as it was made; {_MEND}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AssistantError(
            f"the speech model in {folder} is incomplete ({type(error).__name__}); {_MEND}"
        ) from error
    return Moonshine.of_files(folder)


def _place(weights: Weights, cache: Path | None) -> Path:
    return (cache or default_cache()) / "moonshine" / weights.name


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _alone(folder: Path, tell: Progress) -> Iterator[bool]:
    """Hold the cache's lock; yields whether another process had it first."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            waited = False
        except BlockingIOError:
            tell("waiting for another process that is preparing the model", 0.0)
            fcntl.flock(lock, fcntl.LOCK_EX)
            waited = True
        yield waited


def _make(weights: Weights, place: Path, tell: Progress) -> None:
    """Convert beside the place, move there when whole. The lock is held: leftovers are stale."""
    for leftover in place.parent.glob(".partial-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=place.parent))
    try:
        _run(weights, partial, tell)
        shutil.copyfile(weights.folder / TOKENS, partial / TOKENS)
        form = json.loads((partial / "form.json").read_text())
        (partial / "form.json").unlink()
        files = {file.name: _digest(file) for file in sorted(partial.iterdir())}
        about = {"package": weights.package, "version": weights.version, "form": form}
        (partial / _ABOUT).write_text(json.dumps(about | {"files": files}, indent=1) + "\n")
        partial.chmod(0o755)
        shutil.rmtree(place, ignore_errors=True)
        partial.rename(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for older in place.parent.glob(f"{weights.model}-*"):
        if older != place:
            shutil.rmtree(older, ignore_errors=True)


def _run(weights: Weights, target: Path, tell: Progress) -> None:
    """Convert in a process of its own, whose gigabyte goes back to the machine."""
    if missing := [name for name in ("onnx", "onnxruntime", "soxr") if not find_spec(name)]:
        raise AssistantError(
            f"converting the speech model needs {' and '.join(missing)}, not installed here."
            ' Install all it needs with: pip install "trunkline[assistant]"'
        )
    command = [sys.executable, "-P", "-W", "ignore", "-m", "gateway.embedded.moonshine_convert"]
    home = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            [*command, str(weights.folder), str(target)],
            env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(target)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        _follow(process, tell)
        if process.wait():
            said.seek(0)
            last = (said.read().strip().splitlines() or ["it said nothing"])[-1]
            raise AssistantError(
                f"converting {weights.package} {weights.version} failed (status"
                f" {process.returncode}): {last[:300]}. It needs 1 GB of memory and 400 MB of disk"
                f" in {target.parent}; try again with: trunkline prepare"
            )


def _follow(process: subprocess.Popen[str], tell: Progress) -> None:
    assert process.stdout is not None
    try:
        for line in process.stdout:
            fraction, _, what = line.strip().partition(" ")
            tell(what, float(fraction))
    except BaseException:
        process.kill()  # the one who waits has given up: do not work on behind their back
        raise


def describe(folder: Path) -> dict[str, Any]:
    """What a prepared model was made of, for people: package, version and form."""
    about = json.loads((folder / _ABOUT).read_text())
    return {key: about[key] for key in ("package", "version", "form")}
