"""Settings: read from trunkline.toml and TRUNKLINE_* variables, checked, and frozen.

A variable beats the file: TRUNKLINE_SERVER__PORT=9000 is `port = 9000` under `[server]`; two
underscores stand between the names, as in TRUNKLINE_ASSISTANT__MIND__MODEL.
"""

from __future__ import annotations

import ipaddress
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from gateway.errors import SettingsError
from gateway.private import Private
from gateway.section import Section, is_tables
from gateway.settings.auth import root_auth
from gateway.settings.budget import root_budget
from gateway.settings.guard import root_guard
from gateway.settings.sections import Settings
from gateway.settings.store import root_store
from gateway.settings.toolsources import root_tools

__all__ = ["FILE", "Settings", "load", "to_toml"]

FILE = "trunkline.toml"
PREFIX = "TRUNKLINE_"
OTHERS = {"TRUNKLINE_CONFIG", "TRUNKLINE_CACHE"}  # variables that are no settings

Key = tuple[str, ...]
Problem = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Source:
    """The raw values and, for each, where it was written."""

    file: Path | None
    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Key, str] = field(default_factory=dict)

    def put(self, key: Key, value: Any, origin: str) -> None:
        table = self.values
        for name in key[:-1]:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                return  # the file has a plain value there; its own error says so
        table[key[-1]] = value
        self.origins[key] = origin

    def origin(self, key: Key) -> str:
        return self.origins.get(key) or str(self.file or FILE)

    def get(self, *key: str) -> Any:
        table: Any = self.values
        for name in key:
            table = table.get(name) if isinstance(table, dict) else None
        return table


def load(
    path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[Key, Any] | None = None,
    *,
    answers: bool = True,
) -> Settings:
    """The settings in force. Raises SettingsError that names the file, the key and a valid example.

    Without a path the file is $TRUNKLINE_CONFIG, or trunkline.toml in the current folder if there
    is one. `overrides` come from the command line and beat both: {("server", "port"): 9000}.
    Without `answers` no call is to be answered with them, and what that takes may be missing: a
    model's key and address, and a token for others than this machine.
    """
    source = _read(path, environ)
    _take_variables(source, environ)
    for key, value in (overrides or {}).items():
        source.put(key, value, "--" + key[-1].replace("_", "-"))
    _fall_back(source, environ)
    _root_paths(source)
    try:
        settings = Settings.model_validate(source.values)
    except ValidationError as error:
        problems: list[Any] = error.errors(include_url=False)
        lines = [_explain(source, problem) for problem in problems]
        raise SettingsError("\n".join(dict.fromkeys(lines))) from None
    _check(settings, source)
    if answers:
        _check_answering(settings, source)
    return settings


def _read(path: Path | None, environ: Mapping[str, str]) -> _Source:
    named = path or (Path(environ[PREFIX + "CONFIG"]) if environ.get(PREFIX + "CONFIG") else None)
    file = named or Path(FILE)
    if named is None and not file.exists():
        return _Source(None)
    try:
        return _Source(file, tomllib.loads(file.read_text(encoding="utf-8-sig")))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(
            f"{file}: cannot be read: {reason}; name another with --config, or start from"
            " trunkline.example.toml"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{file}: is not valid TOML: {error}; a valid line is: port = 8080"
        ) from None


def _take_variables(source: _Source, environ: Mapping[str, str]) -> None:
    leaves = ((key, info) for key, info in _leaves(Settings) if not is_tables(info.examples))
    keys = {_variable(key): key for key, _ in leaves}
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name in OTHERS or not text:
            continue
        if name not in keys:
            hint = (
                _nearest(name, keys)
                or f"the variables are named like {_variable(('server', 'port'))}"
            )
            raise SettingsError(f"{name}: there is no such setting; {hint}")
        source.put(keys[name], _from_text(text, keys[name]), name)


def _from_text(text: str, key: Key) -> Any:
    """A list may be written as JSON, or with commas."""
    info = _info(key)
    if info is None or info.annotation != tuple[str, ...]:
        return text
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text  # no list: the validation says so
    return [part.strip() for part in text.split(",") if part.strip()]


def _fall_back(source: _Source, environ: Mapping[str, str]) -> None:
    """OpenAI's own variables count only where OpenAI is asked for, so that nobody pays unawares."""
    if source.get("assistant", "kind") is None and source.get("assistant", "api_key"):
        source.put(("assistant", "kind"), "openai", source.origin(("assistant", "api_key")))
    if source.get("assistant", "kind") != "openai":
        return
    for name, variable in (("api_key", "OPENAI_API_KEY"), ("base_url", "OPENAI_BASE_URL")):
        if not source.get("assistant", name) and environ.get(variable):
            source.put(("assistant", name), environ[variable], variable)


def _root_paths(source: _Source) -> None:
    """Paths are meant from the file's folder, not from wherever the server is started."""
    folder = (source.file.parent if source.file else Path()).absolute()
    taps = source.get("taps")
    for name, value in taps.items() if isinstance(taps, dict) else ():
        if value and isinstance(value, str):
            taps[name] = str(folder / Path(value).expanduser())
    authority = source.get("assistant", "ca_file")
    if authority and isinstance(authority, str):
        source.values["assistant"]["ca_file"] = str(folder / Path(authority).expanduser())
    phrase = source.get("recovery", "hold_file")
    if phrase and isinstance(phrase, str):
        source.values["recovery"]["hold_file"] = str(folder / Path(phrase).expanduser())
    if isinstance(source.get("auth"), dict):
        root_auth(folder, source.values["auth"])
    if isinstance(source.get("budget"), dict):
        root_budget(folder, source.values["budget"])
    if isinstance(source.get("guard"), dict):
        root_guard(folder, source.values["guard"])
    if isinstance(source.get("store"), dict):
        root_store(folder, source.values["store"])
    if isinstance(source.get("tools"), dict):
        root_tools(folder, source.values["tools"])


# ---------------------------------------------------------------- what cannot stand together


def _check(settings: Settings, source: _Source) -> None:
    if settings.auth.keys and not settings.store.url:
        _miss(source, ("store", "url"), "auth.keys = true", ("auth", "keys"))
    if settings.memory.callers != "none" and not settings.store.url:
        wanting = ("memory", "callers")
        _miss(source, ("store", "url"), f'memory.callers = "{settings.memory.callers}"', wanting)
    asked = settings.tools.builtin if "builtin" in settings.tools.model_fields_set else ()
    if settings.memory.callers == "none" and (noted := {"remember", "recall"}.intersection(asked)):
        raise SettingsError(
            f"{source.origin(('tools', 'builtin'))}: tools.builtin names {min(noted)}, which needs"
            ' a memory; set memory.callers = "known" and store.url, or leave it out'
        )
    if settings.auth.jwks and not settings.auth.audience:
        _miss(source, ("auth", "audience"), "auth.jwks", ("auth", "jwks"))
    if settings.privacy.retention_days and not settings.store.url:
        key = ("privacy", "retention_days")
        _miss(source, ("store", "url"), "privacy.retention_days", key)
    if (kept := [name for name, days in settings.privacy.days().items() if days]) and (
        not settings.store.url
    ):
        named = ("privacy", "tenants", kept[0], "retention_days")
        _miss(source, ("store", "url"), ".".join(named), named)


def _check_answering(settings: Settings, source: _Source) -> None:
    server, assistant = settings.server, settings.assistant
    if not (server.token or settings.auth.on) and not _is_loopback(server.host):
        raise SettingsError(
            f"{source.origin(('server', 'host'))}: server.host is {server.host!r}, which others can"
            " reach, but server.token is empty, so that anybody could call at your cost; set"
            " TRUNKLINE_SERVER__TOKEN to a secret"
            ' (python3 -c "import secrets; print(secrets.token_urlsafe(32))" prints one),'
            ' set up [auth], or listen on host = "127.0.0.1"'
        )
    for name in _needed(assistant.kind):
        if not getattr(assistant, name):
            _miss(source, ("assistant", name), f'assistant.kind = "{assistant.kind}"')
    for name in ("base_url", "model") if assistant.mind.kind == "chat" else ():
        if not getattr(assistant.mind, name):
            _miss(source, ("assistant", "mind", name), 'assistant.mind.kind = "chat"')


def _needed(kind: str) -> tuple[str, ...]:
    if kind == "embedded":
        return ()
    return {"openai": ("api_key",), "compatible": ("base_url",)}.get(kind, ("api_key", "base_url"))


def _miss(source: _Source, key: Key, needed_by: str, wanting: Key | None = None) -> None:
    also = (
        ", or OPENAI_API_KEY" if key == ("assistant", "api_key") and "openai" in needed_by else ""
    )
    raise SettingsError(
        f"{source.origin(wanting or (*key[:-1], 'kind'))}: {needed_by} needs {'.'.join(key)}, which"
        " is empty;"
        f" set {_variable(key)}{also}, or write under [{'.'.join(key[:-1])}]: {_example(key)}"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# ---------------------------------------------------------------- what to say about a bad value


def _explain(source: _Source, problem: Problem) -> str:
    key = tuple(part for part in problem["loc"] if isinstance(part, str))
    where, dotted = source.origin(key), ".".join(key)
    if problem["type"] == "extra_forbidden":
        return f"{where}: there is no key {dotted}; {_hint(key)}"
    wish = "should be a table" if problem["type"] == "model_type" else problem["msg"]
    wish = wish.removeprefix("Value error, ").replace("Input should be", "should be")
    info = _info(key)
    came = f", but is {source.get(*key)!r}" if info and not _is_secret(info) else ""
    example = _example(key)
    if where.startswith(PREFIX):
        example = f"{_variable(key)}={_plain(key)}"
    return f"{where}: {dotted} {wish}{came}; for example: {example}"


def _hint(key: Key) -> str:
    """The nearest key that there is: in the same section, or of the same name in another."""
    if (table := _table(key)) is not None:
        kinds = _models(table.annotation)
        for part in key[:-1]:  # down to the table that it stands in
            lower = [one.model_fields[part] for one in kinds if part in one.model_fields]
            kinds = [model for field in lower for model in _models(field.annotation)] or kinds
        names = [name for one in kinds for name in one.model_fields]
        return _nearest(key[-1], names) or f"there are: {', '.join(names)}"
    every = {".".join(known): known for known, _ in _leaves(Settings)}
    sections = {".".join(known[:-1]) for known in every.values()}
    here = [name for name in every if name.startswith(".".join(key[:-1]) + ".")]
    elsewhere = [name for name, known in every.items() if known[-1] == key[-1]]
    if elsewhere:
        return f"did you mean {elsewhere[0]}?"
    near = _nearest(".".join(key), here or sections)
    return near or f"there are: {', '.join(here or sorted(sections))}"


def _models(annotation: Any) -> list[Any]:
    return [one for one in (annotation, *get_args(annotation)) if hasattr(one, "model_fields")]


def _nearest(name: str, known: Mapping[str, Any] | list[str] | set[str]) -> str | None:
    import difflib  # for those who mistyped something, and no others

    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.7)
    return f"did you mean {near[0]}?" if near else None


def _leaves(model: type[BaseModel], above: Key = ()) -> Iterator[tuple[Key, FieldInfo]]:
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            yield from _leaves(info.annotation, (*above, name))
        else:
            yield (*above, name), info


def _info(key: Key) -> FieldInfo | None:
    return dict(_leaves(Settings)).get(key)


def _table(key: Key) -> FieldInfo | None:
    """The tables, of which there may be any number, that the key lies in."""
    above = (_info(key[:end]) for end in range(len(key) - 1, 0, -1))
    return next((info for info in above if info and is_tables(info.examples)), None)


def _is_secret(info: FieldInfo) -> bool:
    return isinstance(info.default, Private)


def _variable(key: Key) -> str:
    return PREFIX + "__".join(key).upper()


def _plain(key: Key) -> str:
    info = _info(key)
    value = (info.examples or [info.default])[0] if info else ""
    return value if isinstance(value, str) else to_toml(value)


def _example(key: Key) -> str:
    info = _info(key)
    if info is None and (above := _table(key)) is not None:
        first, *_ = str((above.examples or [""])[0]).split("\n[[")
        return first
    if info is None:
        return f"[{'.'.join(key)}] on a line of its own, with its keys below"
    if is_tables(info.examples):
        return "\n" + str((info.examples or [""])[0])
    return f"{key[-1]} = {to_toml((info.examples or [info.default])[0])}"


def to_toml(value: Any) -> str:
    """A value as TOML writes it; a secret as an empty text."""
    if isinstance(value, bool | int | float | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(to_toml(item) for item in value) + "]"
    return '""'
