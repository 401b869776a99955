"""Tools behind HTTP: an operation as something that a toolbox can run."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2

from tools.context import ToolContext, ToolError
from tools.foreign_schema import Checker, fit
from tools.http_client import (
    IDEMPOTENT,
    SAFE,
    HttpAnswer,
    HttpClient,
    HttpPolicy,
    NotAllowed,
    TooLong,
    Unusable,
)
from tools.http_operation import JSON_BODY, Operation, Place, Where, placeholders
from tools.policy import Policy
from tools.spec import NAME, ToolDefinitionError, ToolSpec

METHODS = (*sorted(IDEMPOTENT), "POST", "PATCH")
GRACE = 1.0  # seconds after the client's own limit, before the toolbox gives a run up
QUOTED = 300  # characters of a refusal that the model is told
TEXT = re.compile(r"text/.+|application/([\w.-]+\+)?(xml|yaml|x-yaml)")
OPERATORS_FAULT = frozenset({401, 403, 407})  # nothing that a caller could mend

log = logging.getLogger(__name__)


class HttpFailure(Exception):
    """The server could not be asked, or failed."""


@dataclass(frozen=True, slots=True, eq=False)
class HttpTool:
    """One operation of a server."""

    spec: ToolSpec
    policy: Policy
    operation: Operation
    client: HttpClient
    limits: HttpPolicy
    checker: Checker
    secret: str = field(default="", repr=False)  # requests are signed with it
    keep: tuple[str, ...] = ()  # what of a JSON answer the model is told

    async def run(self, arguments_json: str, context: ToolContext) -> Any:
        """What the server answered: JSON as it is, else its text."""
        arguments = self.checker.read(arguments_json)
        request = self.operation.request(arguments, key=context.key, secret=self.secret)
        request = replace(request, repeatable=self.policy.idempotent)
        try:
            answer = await self.client.send(request, self.limits)
        except TooLong:
            limit = self.limits.limit
            raise ToolError(f"The result is too long: over {limit} bytes. Ask for less.") from None
        except (NotAllowed, Unusable) as error:
            raise self._failed(str(error), context) from error
        except TimeoutError as error:
            raise self._failed(f"no answer in {self.limits.timeout:g} s", context) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._failed(type(error).__name__, context) from error
        return self._told(answer, context)

    def _told(self, answer: HttpAnswer, context: ToolContext) -> Any:
        status = answer.status
        if status >= 500 or status in OPERATORS_FAULT or status in (408, 429):
            raise self._failed(f"status {status}", context)
        if status >= 400:
            words = " ".join(answer.text.split())[:QUOTED] if _is_text(answer) else ""
            raise ToolError(f"The server refused with status {status}. {words}".strip())
        if not answer.body.strip():
            return None
        if not _is_text(answer):
            raise ToolError(f"The server sent {answer.media_type}, which cannot be read out.")
        return picked(_value(answer), self.keep)

    def _failed(self, reason: str, context: ToolContext) -> HttpFailure:
        fields = {"tool": self.spec.name, "host": httpx2.URL(_bare(self.operation.url)).host}
        log.warning(
            "an HTTP tool failed",
            extra={**fields, "reason": reason, "call_id": context.call_id},
        )
        return HttpFailure(reason)


def http_tool(
    operation: Operation,
    client: HttpClient,
    limits: HttpPolicy,
    *,
    secret: str = "",
    keep: Sequence[str] = (),
    idempotent: bool = False,
    **policy: Any,
) -> HttpTool:
    """A tool of an operation; `policy` as in tools.policy. Raises ToolDefinitionError."""
    name = operation.name
    if not NAME.fullmatch(name):
        raise ToolDefinitionError(f"tool {name!r}: a name has 1 to 64 letters, digits, _ or -")
    try:
        client.reach.check_url(httpx2.URL(_bare(operation.url)))
        made = Policy(
            timeout=limits.timeout + GRACE,
            side_effects=operation.method not in SAFE,
            idempotent=idempotent or operation.method in IDEMPOTENT,
            **policy,
        )
    except (NotAllowed, ValueError, httpx2.InvalidURL) as error:
        raise ToolDefinitionError(f"tool {name}: {error}") from None
    checker = Checker(operation.parameters, name)
    spec = ToolSpec(name, operation.description, operation.parameters)
    return HttpTool(spec, made, operation, client, limits, checker, secret, tuple(keep))


def declared(
    name: str,
    description: str,
    method: str,
    url: str,
    parameters: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> Operation:
    """The operation that a declaration means: what has no placeholder goes into query or body."""
    method = method.upper()
    if method not in METHODS:
        raise ToolDefinitionError(f"tool {name}: method is {method}; one of {', '.join(METHODS)}")
    try:
        in_url = placeholders(url)
    except ValueError as error:
        raise ToolDefinitionError(f"tool {name}: url: {error}") from None
    schema = fit(parameters, parameters, name)
    properties = schema["properties"]
    if missing := [one for one in in_url if one not in properties]:
        raise ToolDefinitionError(
            f"tool {name}: {{{missing[0]}}} in url is none of its parameters"
            f" ({', '.join(properties) or 'it has none'})"
        )
    has_body = method in ("POST", "PUT", "PATCH")
    rest: Where = "field" if has_body else "query"
    places = [Place(one, "path" if one in in_url else rest, one) for one in properties]
    schema["required"] = list(dict.fromkeys([*schema.get("required", ()), *in_url]))
    schema.setdefault("additionalProperties", False)
    body = JSON_BODY if has_body else ""
    words = " ".join(description.split())
    if not words:
        raise ToolDefinitionError(f"tool {name}: it has no description; the model goes by it")
    return Operation(
        name, words, method, url, schema, tuple(places), body, headers or {}, query or {}
    )


def picked(value: Any, paths: Sequence[str]) -> Any:
    """Of a JSON value the members at these dotted paths; of a list, of each of its items."""
    if not paths:
        return value
    if isinstance(value, list):
        return [picked(item, paths) for item in value]
    found = {path: _at(value, path.split(".")) for path in paths}
    return {path: one for path, one in found.items() if one is not None}


def _at(value: Any, steps: list[str]) -> Any:
    if not steps:
        return value
    if isinstance(value, list):
        return [_at(item, steps) for item in value]
    return _at(value.get(steps[0]), steps[1:]) if isinstance(value, dict) else None


def _value(answer: HttpAnswer) -> Any:
    try:
        return json.loads(answer.body) if "json" in answer.media_type else answer.text
    except (ValueError, RecursionError):
        return answer.text


def _is_text(answer: HttpAnswer) -> bool:
    kind = answer.media_type
    return not kind or "json" in kind or TEXT.fullmatch(kind) is not None


def _bare(url: str) -> str:
    """The URL with something in each placeholder's place, to look at the rest."""
    return re.sub(r"\{[^{}]*\}", "x", url)
