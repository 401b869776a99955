"""One thing that can be asked of an HTTP server: from checked arguments to the request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlencode

from tools.context import ToolError
from tools.http_client import HttpRequest

Where = Literal["path", "query", "header", "cookie", "body", "field"]
Style = Literal["repeated", "joined", "deep"]  # how a query holds a list or an object

PLACEHOLDER = re.compile(r"\{([^{}/?#]+)\}")
JSON_BODY = "application/json"
FORM_BODY = "application/x-www-form-urlencoded"
UNSAFE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an argument goes in the request. "body" is all of it, "field" one of its names."""

    argument: str
    where: Where
    wire: str  # its name there
    style: Style = "repeated"


@dataclass(frozen=True, slots=True)
class Operation:
    """A method and a URL, what the model is told of it, and where its arguments go."""

    name: str
    description: str
    method: str
    url: str  # with {placeholders}
    parameters: dict[str, Any]
    places: tuple[Place, ...]
    body: str = ""  # media type; empty: none is sent
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold secrets
    query: Mapping[str, str] = field(default_factory=dict, repr=False)

    def request(self, arguments: Mapping[str, Any], *, key: str, secret: str) -> HttpRequest:
        """The request for these arguments. Raises ToolError where a value cannot be sent."""
        given = [
            (place, arguments[place.argument])
            for place in self.places
            if arguments.get(place.argument) is not None
        ]
        headers = {"Accept": "application/json, text/*;q=0.8", **self.headers}
        headers.update(_headers(given))
        body = _body(given, self.body)
        if body:
            headers["Content-Type"] = self.body
        return HttpRequest(self.method, self._url(given), headers, body, key, secret)

    def _url(self, given: list[tuple[Place, Any]]) -> str:
        values = {place.wire: value for place, value in given if place.where == "path"}

        def filled(match: re.Match[str]) -> str:
            return _segment(match[1], values.get(match[1]))

        url = PLACEHOLDER.sub(filled, self.url)
        pairs = [*self.query.items()]
        for place, value in given:
            if place.where == "query":
                pairs += _pairs(place, value)
        if not pairs:
            return url
        return f"{url}{'&' if '?' in url else '?'}{urlencode(pairs)}"


def placeholders(url: str) -> list[str]:
    """The names between braces; raises ValueError where one stands in the scheme or the host."""
    head, _, tail = url.partition("://")
    host = tail.partition("/")[0].partition("?")[0]
    if "{" in head or "{" in host:
        raise ValueError("placeholders may stand in the path and the query, never in the host")
    return PLACEHOLDER.findall(url)


def _segment(name: str, value: Any) -> str:
    text = _joined(value)
    if text in ("", ".", ".."):
        raise ToolError(f"{name} is {text!r}, which cannot be looked up.")
    return quote(text, safe="")


def _pairs(place: Place, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list) and place.style == "repeated":
        yield from ((place.wire, _text(item)) for item in value)
    elif isinstance(value, dict) and place.style == "deep":
        yield from ((f"{place.wire}[{name}]", _text(item)) for name, item in value.items())
    elif isinstance(value, dict) and place.style == "repeated":
        yield from ((name, _text(item)) for name, item in value.items())
    else:
        yield place.wire, _joined(value)


def _headers(given: list[tuple[Place, Any]]) -> dict[str, str]:
    headers = {
        place.wire: _line(place.argument, _joined(value))
        for place, value in given
        if place.where == "header"
    }
    cookies = [
        f"{place.wire}={quote(_joined(value), safe='')}"
        for place, value in given
        if place.where == "cookie"
    ]
    return {**headers, "Cookie": "; ".join(cookies)} if cookies else headers


def _body(given: list[tuple[Place, Any]], media_type: str) -> bytes:
    if not media_type:
        return b""
    whole = [value for place, value in given if place.where == "body"]
    fields = {place.wire: value for place, value in given if place.where == "field"}
    if media_type == FORM_BODY:
        form = whole[0] if whole and isinstance(whole[0], dict) else fields
        return urlencode(
            [pair for name, value in form.items() for pair in _form(name, value)]
        ).encode()
    if whole:
        return _json(whole[0])
    return _json(fields) if fields else b""


def _form(name: str, value: Any) -> list[tuple[str, str]]:
    values = value if isinstance(value, list) else [value]
    return [(name, _text(item)) for item in values]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_text, value))
    if isinstance(value, dict):
        return ",".join(f"{name},{_text(item)}" for name, item in value.items())
    return _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    return json.dumps(value, ensure_ascii=False)


def _line(name: str, text: str) -> str:
    """Text for a header: it must not begin a header of its own."""
    if UNSAFE.search(text) or not text.isascii():
        raise ToolError(f"{name} may hold plain letters, digits and signs only.")
    return text
