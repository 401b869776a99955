"""Azure OpenAI: where a deployment answers, at the generally available address and at the preview.

At the first the protocol is OpenAI's own; the second, deprecated, still speaks the Beta shape. In
both the model is the name of a deployment, and the key goes into a header of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.assistants.capabilities import OPENAI
from gateway.assistants.target import Endpoint, Target, key, own_headers, required_base_url
from gateway.errors import SettingsError
from gateway.private import Private

EXAMPLE: Final = "https://my-resource.openai.azure.com"
PREVIEW_VERSION: Final = "2025-04-01-preview"

GA = replace(OPENAI, name="azure")
PREVIEW = replace(OPENAI, name="azure-preview", shape="beta", out_of_band=False, images=False)


def endpoint(target: Target) -> Endpoint:
    """The address of a deployment. A base_url may be the resource alone, or go on with its path."""
    if not target.model:
        raise SettingsError(
            "[assistant] model: expected the name of an Azure deployment such as my-realtime, "
            "got none; it is the name that you gave it, not the model's"
        )
    root = _root(required_base_url(target, EXAMPLE))
    headers = _credentials(target) | own_headers(target)
    if target.kind == "azure":
        return Endpoint(f"{root}/openai/v1", GA, target.model, {}, headers)
    query = {
        "api-version": target.api_version or PREVIEW_VERSION,
        "deployment": target.model,
    }
    return Endpoint(f"{root}/openai", PREVIEW, "", query, headers)


def _credentials(target: Target) -> dict[str, Private[str]]:
    """The resource's key, or a token of Entra, which is a JSON Web Token and goes elsewhere."""
    text = key(target)
    if text.startswith("eyJ") and text.count(".") == 2:
        return {"Authorization": Private(f"Bearer {text}")}
    if text:
        return {"api-key": Private(text)}
    if any(name.lower() == "authorization" for name in target.headers):
        return {}
    raise SettingsError(
        "[assistant] api_key: expected the key of the Azure resource or an Entra token, got none; "
        "set it there or in TRUNKLINE_ASSISTANT__API_KEY"
    )


def _root(resource: str) -> str:
    """The resource itself, whether or not the operator's address goes on; a prefix is kept."""
    return resource.removesuffix("/v1").removesuffix("/openai")
