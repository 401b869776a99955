"""From an OpenAPI document (3.0, 3.1) to operations: what is asked, of which URL, with what.

Pure: the document is a parsed one, and nothing is fetched. Follows the OpenAPI Specification 3.1.1,
sections 4.8.2 (paths), 4.8.12 (parameters), 4.8.13 (request bodies).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from tools.foreign_schema import find, fit
from tools.http_operation import FORM_BODY, JSON_BODY, Operation, Place, Style, Where
from tools.schema import ToolDefinitionError

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
# Left out, as the specification says, and what only a client itself may say.
IGNORED = frozenset({"accept", "content-type", "authorization"}) | {
    *("host", "content-length", "transfer-encoding", "connection", "idempotency-key", "expect")
}
LONGEST_NAME = 64
LONGEST_DESCRIPTION = 1024

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document, and where it came from."""

    root: Table
    source: str  # a path or a URL
    base_url: str = ""  # instead of its own servers

    def __post_init__(self) -> None:
        stated = str(self.root.get("openapi", ""))
        if not stated.startswith(("3.0", "3.1")):
            came = f"openapi {stated}" if stated else "no openapi version"
            raise ToolDefinitionError(
                f"{self.source}: {came}; expected OpenAPI 3.0 or 3.1 (convert an older one)"
            )
        if not isinstance(self.root.get("paths"), Mapping):
            raise ToolDefinitionError(f"{self.source}: it has no paths")

    def operations(
        self,
        chosen: Sequence[str],
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> list[Operation]:
        """Those chosen by operationId or as "GET /orders/{id}"; "*" is all of them.

        Parameters that `headers` and `query` fill in are not asked of the model.
        """
        every = list(self._entries())
        fixed = _Fixed(headers or {}, query or {})
        if "*" in chosen:
            return [self._read(entry, fixed) for entry in every]
        known = {name: entry for entry in every for name in (entry.route, entry.operation_id)}
        picked = []
        for name in chosen:
            if name not in known or not name:
                raise ToolDefinitionError(f"{self.source}: {_unknown(name, known)}")
            picked.append(self._read(known[name], fixed))
        return picked

    def _read(self, entry: _Entry, fixed: _Fixed) -> Operation:
        try:
            return self._operation(entry, fixed)
        except (AttributeError, KeyError, TypeError) as error:
            raise ToolDefinitionError(
                f"{self.source}: something in {entry.route} is of another type than OpenAPI has"
                f" there ({error}); check the document"
            ) from error

    def _entries(self) -> Iterator[_Entry]:
        for path, item in self.root["paths"].items():
            item = self._followed(item, path)
            for method in METHODS:
                if isinstance(operation := item.get(method), Mapping):
                    yield _Entry(method.upper(), path, operation, item)

    def _operation(self, entry: _Entry, fixed: _Fixed) -> Operation:
        name = entry.name
        arguments = _Arguments(self.root, name)
        for parameter in self._parameters(entry):
            if not fixed.fills(parameter):
                arguments.add_parameter(parameter)
        body = self._followed(entry.operation.get("requestBody") or {}, name)
        media_type, schema = _content(body, name, self.source)
        if media_type:
            arguments.add_body(schema, required=bool(body.get("required")))
        return Operation(
            name=name,
            description=entry.description,
            method=entry.method,
            url=self._base(entry).rstrip("/") + entry.path,
            parameters=arguments.schema(),
            places=tuple(arguments.places),
            body=media_type,
            headers=fixed.headers,
            query=fixed.query,
        )

    def _parameters(self, entry: _Entry) -> list[Table]:
        """The path's and the operation's own; of the same name and place the latter counts."""
        found: dict[tuple[str, str], Table] = {}
        for raw in (
            *(entry.item.get("parameters") or ()),
            *(entry.operation.get("parameters") or ()),
        ):
            parameter = self._followed(raw, entry.name)
            if "name" not in parameter or "in" not in parameter:
                raise ToolDefinitionError(
                    f"{self.source}: a parameter of {entry.route} has no name, or no place (in)"
                )
            found[parameter["name"], parameter["in"]] = parameter
        return list(found.values())

    def _followed(self, node: Any, name: str) -> Table:
        for _ in range(8):
            if not isinstance(node, Mapping):
                raise ToolDefinitionError(f"{self.source}: {name} should be a table")
            if not isinstance(node.get("$ref"), str):
                return node
            node = find(self.root, node["$ref"], name)
        raise ToolDefinitionError(f"{self.source}: {name} refers to itself")

    def _base(self, entry: _Entry) -> str:
        if self.base_url:
            return self.base_url
        for holder in (entry.operation, entry.item, self.root):
            if servers := holder.get("servers"):
                url = urljoin(self.source if "://" in self.source else "", _server(servers[0]))
                if url.startswith(("http://", "https://")):
                    return url
        raise ToolDefinitionError(
            f'{self.source}: it names no server; set base_url = "https://..." beside it'
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    method: str
    path: str
    operation: Table
    item: Table

    @property
    def route(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def operation_id(self) -> str:
        return str(self.operation.get("operationId") or "")

    @property
    def name(self) -> str:
        return _plain_name(self.operation_id or f"{self.method.lower()}{self.path}")

    @property
    def description(self) -> str:
        summary, more = (
            " ".join(str(self.operation.get(key) or "").split())
            for key in ("summary", "description")
        )
        if summary and more and summary not in more:
            summary += "" if summary.endswith((".", "!", "?")) else "."
        words = more if summary in more else f"{summary} {more}".strip()
        return words[:LONGEST_DESCRIPTION] or self.route


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What the operator fills in."""

    headers: Mapping[str, str]
    query: Mapping[str, str]

    def fills(self, parameter: Table) -> bool:
        name, where = parameter["name"], parameter["in"]
        if where == "header":
            given = {header.lower() for header in self.headers}
            return name.lower() in IGNORED or name.lower() in given
        return where == "query" and name in self.query


class _Arguments:
    """The arguments of one operation, each under a name that no other has."""

    def __init__(self, root: Table, tool: str) -> None:
        self._root = root
        self._tool = tool
        self._properties: dict[str, Any] = {}
        self._required: list[str] = []
        self.places: list[Place] = []

    def add_parameter(self, parameter: Table) -> None:
        where = parameter["in"]
        if where not in ("path", "query", "header", "cookie"):
            raise ToolDefinitionError(f"tool {self._tool}: a parameter cannot stand in {where!r}")
        schema = parameter.get("schema")
        if schema is None:  # the other form: one media type with its schema
            (schema,) = [
                content.get("schema", {})
                for content in (parameter.get("content") or {"": {}}).values()
            ][:1]
        shown = {"description": parameter["description"]} if parameter.get("description") else {}
        if schema is True:  # anything goes, as {} says
            schema = {}
        required = bool(parameter.get("required")) or where == "path"
        self._add(parameter["name"], where, {**schema, **shown}, required, _style(parameter))

    def add_body(self, schema: Table, *, required: bool) -> None:
        """The properties of an object one by one; anything else as a whole."""
        whole = fit({"type": "object", "properties": {"body": schema}}, self._root, self._tool)
        known = whole["properties"]["body"]
        properties = known.get("properties") if isinstance(known, dict) else None
        others = {"oneOf", "anyOf", "allOf", "not"} & set(known if isinstance(known, dict) else ())
        if not isinstance(properties, dict) or not properties or others:
            self._add("body", "body", known if isinstance(known, dict) else {}, required)
            return
        needed = known.get("required", ()) if required else ()
        for name, one in properties.items():
            if not self._is_read_only(schema, name):
                self._add(name, "field", one if isinstance(one, dict) else {}, name in needed)

    def schema(self) -> dict[str, Any]:
        """What the model is told."""
        made: dict[str, Any] = {"type": "object", "properties": self._properties}
        if self._required:
            made["required"] = self._required
        return {**fit(made, self._root, self._tool), "additionalProperties": False}

    def _add(
        self, wire: str, where: Where, schema: Table, required: bool, style: Style = "repeated"
    ) -> None:
        name = _plain_name(wire)
        if name in self._properties:
            name = _plain_name(f"{name}_{where}")
        if name in self._properties:
            raise ToolDefinitionError(f"tool {self._tool}: two parameters are called {name}")
        self._properties[name] = dict(schema)
        self.places.append(Place(name, where, wire, style))
        if required:
            self._required.append(name)

    def _is_read_only(self, schema: Table, name: str) -> bool:
        while isinstance(schema.get("$ref"), str):
            schema = find(self._root, schema["$ref"], self._tool)
        one = schema.get("properties", {}).get(name, {})
        return isinstance(one, Mapping) and one.get("readOnly") is True


def _content(body: Table, name: str, source: str) -> tuple[str, Table]:
    """The media type to send, and its schema."""
    content = body.get("content") or {}
    for media_type, spec in content.items():
        plain = media_type.partition(";")[0].strip().lower()
        if plain == JSON_BODY or plain.endswith("+json"):
            return media_type, spec.get("schema", {})
    if FORM_BODY in content:
        return FORM_BODY, content[FORM_BODY].get("schema", {})
    if body.get("required"):
        raise ToolDefinitionError(
            f"{source}: {name} takes {', '.join(content) or 'no known body'}; only JSON and forms"
            " can be sent"
        )
    return "", {}


def _style(parameter: Table) -> Style:
    style = parameter.get("style", "form")
    if style == "deepObject":
        return "deep"
    explode = parameter.get("explode", style == "form")
    return "repeated" if explode and style == "form" else "joined"


def _server(server: Table) -> str:
    url = str(server.get("url", ""))
    for name, variable in (server.get("variables") or {}).items():
        url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
    return url


def _plain_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_")[:LONGEST_NAME] or "operation"


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    listed = ", ".join(sorted(filter(None, known))[:20])
    return f"there is no operation {name!r}; " + (
        f"did you mean {near[0]!r}?" if near else f"there are: {listed}"
    )
