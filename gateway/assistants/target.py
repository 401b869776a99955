"""Target: which model to call and how to get there, and the address that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from gateway.assistants.capabilities import OPENAI, Capabilities
from gateway.assistants.catalogue import load
from gateway.errors import SettingsError
from gateway.private import Private

Kind = Literal["embedded", "openai", "azure", "azure-preview", "compatible"]

OPENAI_BASE_URL = "https://api.openai.com/v1"
EMBEDDED_MODEL = "trunkline"  # none of the catalogue's, so that nobody is shown a price
MAIN = "assistant"
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Target:
    """The operator's choice of a model. `base_url` is what comes before `/realtime`."""

    kind: Kind = "embedded"
    base_url: str = ""  # http(s) or ws(s); empty: the provider's own
    model: str = ""  # for Azure the name of the deployment; empty: the default of the catalogue
    api_key: Private[str] = Private("")  # noqa: RUF009  a Private is immutable
    organization: str = ""
    project: str = ""
    safety_identifier: str = ""  # hashed id of the end user, for OpenAI
    provider: str = ""  # row of the capability table, for compatible servers
    api_version: str = ""  # Azure preview only
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # sent as they are
    ca_file: str = ""  # PEM file of a private certificate authority
    proxy: str = ""  # http://host:port of a proxy; the environment's proxies are not used
    patience: float = 10.0  # seconds for the handshake, and again for the session to open
    section: str = MAIN  # of the settings in which it is named, for what is said of it

    def placed(self, words: str) -> str:
        """What is said of [assistant], said of the section in which this one is named."""
        return words.replace(f"[{MAIN}]", f"[{self.section}]")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a target leads: what the connection is opened with. The headers carry the key."""

    base_url: str  # http or https, without `/realtime`
    capabilities: Capabilities
    model: str = ""  # sent as ?model=; empty: not sent
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, Private[str]] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Host and port, for people; never a user name or a query."""
        parts = urlsplit(self.base_url)
        return parts.hostname + (f":{parts.port}" if parts.port else "") if parts.hostname else ""


def base_url(value: str, default: str) -> str:
    """An address as http or https without a trailing slash; SettingsError where it is none."""
    text = (value or default).strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    plain = text.isascii() and text.isprintable() and " " not in text
    if parts.scheme not in SCHEMES or not parts.hostname or not plain or port == 0:
        raise SettingsError(
            f"[assistant] base_url: expected an address such as {OPENAI_BASE_URL} or "
            f"http://127.0.0.1:8081/v1, got {without_user(text)!r}"
        )
    path = parts.path.rstrip("/").removesuffix("/realtime")
    return urlunsplit((SCHEMES[parts.scheme], parts.netloc, path, "", ""))


def without_user(url: str) -> str:
    """An address without a user name and password in it, fit to be shown."""
    head, mark, tail = url.rpartition("@")
    return f"{head.partition('//')[0]}//{tail}" if mark else url


def key(target: Target) -> str:
    """The key as it goes into a header; SettingsError where it cannot."""
    text = target.api_key.reveal().strip()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise SettingsError(
            "[assistant] api_key: expected one word of printable ASCII such as sk-..., got "
            f"{len(text)} characters with blanks or other signs in them; paste it again"
        )
    return text


def required_key(target: Target, variable: str) -> str:
    """The key, where nothing works without one."""
    text = key(target)
    if not text:
        raise SettingsError(
            f"[assistant] api_key: expected a key for kind {target.kind!r}, got none; "
            f"set it there or in {variable}"
        )
    return text


def required_base_url(target: Target, example: str) -> str:
    """The address, where there is no default."""
    if not target.base_url.strip():
        raise SettingsError(
            f"[assistant] base_url: expected an address such as {example} for kind "
            f"{target.kind!r}, got none"
        )
    return base_url(target.base_url, "")


def bearer(target: Target) -> dict[str, Private[str]]:
    """The key as OpenAI and most others want it; nothing where there is none."""
    text = key(target)
    return {"Authorization": Private(f"Bearer {text}")} if text else {}


def own_headers(target: Target) -> dict[str, Private[str]]:
    """The headers that the operator added, which win over ours."""
    return {name: Private(value) for name, value in target.headers.items()}


def own_endpoint(target: Target) -> Endpoint:
    """OpenAI itself, or the server that ships with Trunkline, which speaks the same protocol."""
    if target.kind == "embedded":
        address = required_base_url(target, "http://127.0.0.1:8081/v1")
        model = target.model or EMBEDDED_MODEL
    else:
        address = base_url(target.base_url, OPENAI_BASE_URL)
        required_key(target, "OPENAI_API_KEY")
        model = target.model or load().default_model
    headers = bearer(target)
    if target.safety_identifier:
        headers["OpenAI-Safety-Identifier"] = Private(target.safety_identifier)
    return Endpoint(
        base_url=address,
        capabilities=OPENAI,
        model=model,
        headers=headers | own_headers(target),
    )
