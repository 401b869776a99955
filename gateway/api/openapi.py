"""The API's own description, made from its endpoints: OpenAPI 3.1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.api.endpoint import Endpoint, Failed
from gateway.identity.who import SCOPES
from gateway.version import version

ALWAYS = (400, 401, 403, 503)
NAME_PATTERN = "^[A-Za-z0-9_.:-]{1,200}$"
Json = dict[str, Any]


def document(endpoints: Sequence[Endpoint]) -> Json:
    """The whole description."""
    shapes = [
        kind
        for one in endpoints
        for kind in (one.answer, one.body)
        if kind is not None and not isinstance(kind, str)
    ]
    _, components = msgspec.json.schema_components(
        [*dict.fromkeys(shapes), Failed], ref_template="#/components/schemas/{name}"
    )
    paths: Json = {}
    for one in endpoints:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Trunkline", "version": version(), "description": _about()},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _about() -> str:
    lines = (f"* `{scope}`: {about}" for scope, about in SCOPES.items())
    return "What operators and programs may ask of a gateway. Scopes:\n\n" + "\n".join(lines)


def _operation(one: Endpoint) -> Json:
    needs = f" Needs the scope `{one.scope}`." if one.scope else ""
    operation: Json = {
        "operationId": one.handle.__name__,
        "summary": one.about,
        "description": one.about + needs,
        "parameters": [*_in_path(one), *_in_query(one)],
        "responses": {str(one.status): _answer(one.answer)},
    }
    for status in sorted({*ALWAYS, *one.problems}):
        operation["responses"][str(status)] = _answer(Failed, "It cannot be done.")
    if one.upload:
        file = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": file},
        }
    if one.body is not None:
        required = any(field.required for field in msgspec.structs.fields(one.body))
        content = {"application/json": {"schema": _ref(one.body)}}
        operation["requestBody"] = {"required": required, "content": content}
    return operation


def _in_path(one: Endpoint) -> list[Json]:
    schema = {"type": "string", "pattern": NAME_PATTERN}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name in re.findall(r"{(\w+)}", one.path)
    ]


def _in_query(one: Endpoint) -> list[Json]:
    _, shapes = msgspec.json.schema_components([one.query])
    properties = shapes[one.query.__name__]["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": _without_null(schema)}
        for name, schema in properties.items()
    ]


def _without_null(schema: Json) -> Json:
    """A query has no null: what is not wanted is left out."""
    schema = dict(schema)
    if schema.get("default", 0) is None:
        del schema["default"]
    if "enum" in schema:
        schema["enum"] = [one for one in schema["enum"] if one is not None]
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema


def _answer(kind: Any, about: str = "As asked.") -> Json:
    if isinstance(kind, str):
        schema = {"type": "string", "format": "binary"}
        return {"description": about, "content": {kind: {"schema": schema}}}
    return {"description": about, "content": {"application/json": {"schema": _ref(kind)}}}


def _ref(kind: Any) -> Json:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
