"""Compatible servers: who else speaks the Realtime protocol, and what each of them leaves out.

A row follows what its provider documented in November 2026; what nobody documented counts as
absent. No row has been proved against the provider itself: `trunkline doctor --live` does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.assistants.capabilities import Capabilities
from gateway.assistants.target import (
    Endpoint,
    Target,
    base_url,
    bearer,
    own_headers,
    required_base_url,
)
from gateway.errors import SettingsError

NO_SEMANTIC: Final = frozenset({"gateway", "server"})
PCM: Final = frozenset({"pcm"})


@dataclass(frozen=True, slots=True)
class Provider:
    """A server that can be called by name."""

    base_url: str
    model: str  # used where the settings name none; empty: it has to be named
    able: Capabilities


def _provider(name: str, address: str, model: str, **able: object) -> Provider:
    # A null conversation_id means "aside" only at OpenAI; others leave the field out or null.
    flags = {"out_of_band": False, "expiry": False} | able
    return Provider(address, model, Capabilities(name=name, **flags))  # type: ignore[arg-type]


_TABLE: Final = (
    _provider(
        "xai",
        "https://api.x.ai/v1",
        "grok-voice-latest",
        formats=PCM,
        detectors=NO_SEMANTIC,
        flat_voice=True,
        images=False,
        minutes=30,
    ),
    _provider(
        "qwen",
        "https://dashscope-intl.aliyuncs.com/api-ws/v1",
        "qwen3-omni-flash-realtime",
        shape="beta",
        formats=PCM,
        input_rate=16_000,
        detectors=NO_SEMANTIC,
        truncation=False,
        images=False,
        minutes=30,
    ),
    _provider(
        "stepfun",
        "https://api.stepfun.com/v1",
        "step-audio-2",
        shape="beta",
        formats=PCM,
        detectors=NO_SEMANTIC,
        images=False,
        minutes=0,
    ),
    _provider(
        "glm",
        "https://open.bigmodel.cn/api/paas/v4",
        "",
        shape="beta",
        formats=PCM,
        detectors=NO_SEMANTIC,
        images=False,
        minutes=0,
    ),
    _provider("localai", "http://127.0.0.1:8080/v1", "", formats=PCM, minutes=0),
    _provider(
        "speaches",
        "http://127.0.0.1:8000/v1",
        "",
        shape="beta",
        formats=PCM,
        detectors=NO_SEMANTIC,
        images=False,
        minutes=0,
    ),
    _provider(
        "huggingface",
        "http://127.0.0.1:8765/v1",
        "",
        formats=PCM,
        detectors=NO_SEMANTIC,
        images=False,
        minutes=0,
    ),
    _provider("litellm", "http://127.0.0.1:4000/v1", "", out_of_band=True, expiry=True),
    # For any other: what the two shapes have in common, and no claim beyond it.
    _provider("ga", "", "", formats=PCM, images=False, minutes=0),
    _provider("beta", "", "", shape="beta", formats=PCM, images=False, minutes=0),
)
PROVIDERS: Final[Mapping[str, Provider]] = {row.able.name: row for row in _TABLE}


def endpoint(target: Target) -> Endpoint:
    """The address of a compatible server; SettingsError where the provider is not in the table."""
    provider = PROVIDERS.get(target.provider or "ga")
    if provider is None:
        raise SettingsError(
            f"[assistant] provider: expected one of {', '.join(sorted(PROVIDERS))}, got "
            f"{target.provider!r}; 'ga' and 'beta' fit any other server of that shape"
        )
    model = target.model or provider.model
    if not model:
        raise SettingsError(
            f"[assistant] model: expected the name of a model of {provider.able.name!r}, got none; "
            "set it there or in TRUNKLINE_ASSISTANT__MODEL"
        )
    if provider.base_url:
        address = base_url(target.base_url, provider.base_url)
    else:
        address = required_base_url(target, "https://voice.example.com/v1")
    headers = bearer(target) | own_headers(target)
    return Endpoint(address, provider.able, model, {}, headers)
