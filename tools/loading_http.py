"""Reads OpenAPI documents, from files and URLs; fills in what the environment holds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import yaml

from tools.http_client import (
    HttpClient,
    HttpPolicy,
    HttpRequest,
    NotAllowed,
    TooLong,
    Unusable,
)
from tools.loading import ToolLoadError
from tools.openapi import Document

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
LONGEST = 10_000_000  # bytes of a document


async def load_document(source: str, client: HttpClient, base_url: str = "") -> Document:
    """An OpenAPI document from a file or a URL. Raises ToolLoadError, ToolDefinitionError."""
    text = await _fetched(source, client) if "://" in source else _read(source)
    return Document(_parsed(text, source), source, base_url)


def filled(text: str, environ: Mapping[str, str], where: str) -> str:
    """The text with each ${NAME} replaced by that variable. Raises ToolLoadError."""

    def value(match: re.Match[str]) -> str:
        if not environ.get(match[1]):
            raise ToolLoadError(f"{where} needs the variable {match[1]}, which is not set")
        return environ[match[1]]

    return VARIABLE.sub(value, text)


def filled_table(
    table: Mapping[str, str], environ: Mapping[str, str], where: str
) -> dict[str, str]:
    """The same for each value."""
    return {name: filled(text, environ, f"{where}.{name}") for name, text in table.items()}


def _read(source: str) -> bytes:
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise ToolLoadError(f"cannot read {source}: {error.strerror}") from None


async def _fetched(source: str, client: HttpClient) -> bytes:
    policy = HttpPolicy(timeout=30.0, limit=LONGEST)
    accept = {"Accept": "application/json, application/yaml;q=0.9, */*;q=0.5"}
    try:
        answer = await client.send(HttpRequest("GET", source, accept), policy)
    except (NotAllowed, Unusable) as error:
        raise ToolLoadError(f"cannot fetch {source}: {error}") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, TooLong) as error:
        raise ToolLoadError(f"cannot fetch {source}: {type(error).__name__}") from None
    if answer.status != 200:
        raise ToolLoadError(f"cannot fetch {source}: status {answer.status}")
    return answer.body


def _parsed(text: bytes, source: str) -> dict[str, Any]:
    """JSON, or YAML with the types of JSON only."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        try:
            found = yaml.load(text, _PlainLoader)
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            place = f"line {mark.line + 1}: " if mark else ""
            reason = getattr(error, "problem", None) or "it cannot be read"
            raise ToolLoadError(f"{source} is neither JSON nor YAML: {place}{reason}") from None
    if not isinstance(found, dict):
        raise ToolLoadError(f"{source} holds no OpenAPI document: expected a table at its top")
    return found


class _PlainLoader(yaml.SafeLoader):  # type: ignore[misc]  # it has no types
    """Leaves dates as they are written, and refuses aliases, of which a few make gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(
                None, None, "it has an alias (*name); write $ref instead", event.start_mark
            )
        return super().compose_node(parent, index)


_PlainLoader.yaml_implicit_resolvers = {
    first: [pair for pair in resolvers if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
