"""JSON schemas that others wrote: made fit for a model, and arguments checked against them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import jsonschema
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry

from tools.context import ArgumentsError
from tools.schema import ToolDefinitionError

LONGEST = 32 * 1024  # bytes of a schema that a model is told
TOLD = 3  # wrong arguments named in one answer
NESTED = 40  # levels of a schema; what checks it takes several frames of the stack for each
DEEPEST = 12  # references within references; what lies deeper may be anything
# What says nothing to a model, or only to other programs.
DROPPED = frozenset({"title", "$schema", "$id", "$comment", "$anchor", "xml", "externalDocs"}) | {
    *("discriminator", "example", "deprecated", "readOnly", "writeOnly", "$defs", "definitions")
}
DATA = frozenset({"default", "const", "enum", "examples", "required"})
NAMED = frozenset({"properties", "patternProperties", "dependentSchemas"})


class Checker:
    """Checks arguments against a JSON schema."""

    __slots__ = ("_properties", "_validator", "names")

    def __init__(self, schema: dict[str, Any], tool: str, *, patterns: bool = True) -> None:
        """Raises ToolDefinitionError where it is no JSON schema.

        Without `patterns` regular expressions are left to whoever wrote them: a bad one of a
        server elsewhere could hold up every call.
        """
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            place = ".".join(map(str, error.path)) or "its top"
            raise ToolDefinitionError(
                f"tool {tool}: parameters are no JSON schema: at {place}: {error.message[:200]}"
            ) from None
        # An empty registry: a reference to somewhere else is never fetched.
        checked = schema if patterns else _without_patterns(schema)
        self._validator = jsonschema.Draft202012Validator(checked, registry=Registry())
        self._properties: Mapping[str, Any] = schema.get("properties", {})
        self.names: tuple[str, ...] = tuple(self._properties)

    def read(self, json_text: str) -> dict[str, Any]:
        """The arguments in a JSON object; none where the text is empty. Raises ArgumentsError."""
        try:
            arguments = json.loads(json_text.strip() or "{}")
        except (ValueError, RecursionError) as error:
            raise ArgumentsError(
                f"The arguments do not fit. Not valid JSON: {_why(error)}."
            ) from None
        if not isinstance(arguments, dict):
            raise ArgumentsError("The arguments do not fit. They should be a JSON object.")
        arguments = {name: self._as_wanted(name, value) for name, value in arguments.items()}
        if found := list(islice(self._validator.iter_errors(arguments), TOLD + 1)):
            told = [_said(one, self.names) for one in found[:TOLD]]
            more = " And more." if len(found) > TOLD else ""
            raise ArgumentsError(f"The arguments do not fit. {' '.join(told)}{more}")
        return arguments

    def _as_wanted(self, name: str, value: Any) -> Any:
        """Models write an order number as 4217 now and then, though it is to be a text."""
        one = self._properties.get(name)
        wants_text = isinstance(one, Mapping) and one.get("type") == "string"
        if wants_text and isinstance(value, int | float) and not isinstance(value, bool):
            return json.dumps(value)
        return value


def _without_patterns(node: Any) -> Any:
    """The schema without regular expressions, and without what stands on them."""
    if isinstance(node, list):
        return [_without_patterns(item) for item in node]
    if not isinstance(node, dict):
        return node
    gone = {"pattern", "patternProperties"}
    if "patternProperties" in node:
        gone |= {"additionalProperties", "unevaluatedProperties"}
    return {
        key: value
        if key in DATA
        else {name: _without_patterns(one) for name, one in value.items()}
        if key in NAMED and isinstance(value, dict)
        else _without_patterns(value)
        for key, value in node.items()
        if key not in gone
    }


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    return "it is nested too deep" if isinstance(error, RecursionError) else "it cannot be read"


def _said(error: ValidationError, names: tuple[str, ...]) -> str:
    where = ".".join(str(step)[:64] for step in error.absolute_path)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return " ".join(f"{f'{where}.' * bool(where)}{name} is missing." for name in missing)
    if error.validator == "additionalProperties" and not where:
        surplus = [str(name)[:64] for name in error.instance if name not in names]
        listed = ", ".join(names) or "none"
        return f"There is no argument {', '.join(surplus[:3])}; there are: {listed}."
    if error.validator == "enum":
        values = ", ".join(json.dumps(value) for value in error.validator_value[:20])
        return f"{where or 'arguments'}: should be one of {values}."
    if error.validator == "type":
        return f"{where or 'arguments'}: should be {_kinds(error.validator_value)}."
    wanted = json.dumps(error.validator_value)[:120]
    return f"{where or 'arguments'}: does not fit {error.validator} {wanted}."


def _kinds(value: Any) -> str:
    kinds = [value] if isinstance(value, str) else list(value)
    return " or ".join(f"of type {kind}" for kind in kinds)


def fit(schema: Mapping[str, Any], root: Mapping[str, Any], tool: str) -> dict[str, Any]:
    """The schema with references to its document resolved and without what no model needs.

    Raises ToolDefinitionError for references that lead nowhere, and for what no model could read.
    """
    made = _Fitter(root, tool).fit(schema, ())
    made = {"type": "object", "properties": {}, **(made if isinstance(made, dict) else {})}
    if made["type"] != "object":
        raise ToolDefinitionError(f"tool {tool}: parameters should be of type object")
    if (size := len(json.dumps(made))) > LONGEST:
        raise _too_long(tool, str(size))
    return made


def _too_long(tool: str, size: str) -> ToolDefinitionError:
    return ToolDefinitionError(
        f"tool {tool}: its schema has {size} bytes, and a model is told {LONGEST} at most;"
        " declare the tool with fewer parameters"
    )


class _Fitter:
    def __init__(self, root: Mapping[str, Any], tool: str) -> None:
        self._root = root
        self._tool = tool
        self._nodes = 0
        self._depth = 0

    def fit(self, node: Any, trail: tuple[str, ...]) -> Any:
        self._nodes += 1
        if self._nodes > LONGEST:  # each is a byte at least; references can multiply without end
            raise _too_long(self._tool, f"more than {LONGEST}")
        if self._depth > NESTED:
            raise ToolDefinitionError(
                f"tool {self._tool}: its schema is nested deeper than {NESTED} levels;"
                " declare the tool with flatter parameters"
            )
        self._depth += 1
        try:
            return self._fitted(node, trail)
        finally:
            self._depth -= 1

    def _fitted(self, node: Any, trail: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [self.fit(item, trail) for item in node]
        if not isinstance(node, Mapping):
            return node
        if isinstance(node.get("$ref"), str):
            return self._resolved(node, trail)
        return _translated(dict(self._members(node, trail)))

    def _members(
        self, node: Mapping[str, Any], trail: tuple[str, ...]
    ) -> Iterator[tuple[str, Any]]:
        for key, value in node.items():
            if key in DATA:
                yield key, value
            elif key in NAMED and isinstance(value, Mapping):
                yield key, {name: self.fit(schema, trail) for name, schema in value.items()}
            elif key not in DROPPED and not key.startswith("x-"):
                yield key, self.fit(value, trail)

    def _resolved(self, node: Mapping[str, Any], trail: tuple[str, ...]) -> Any:
        pointer = node["$ref"]
        beside = {key: value for key, value in node.items() if key != "$ref"}
        if pointer in trail or len(trail) >= DEEPEST:
            return self.fit(beside, trail)  # it contains itself: anything goes from here
        found = find(self._root, pointer, self._tool)
        if not isinstance(found, Mapping):
            return self.fit(beside, trail)
        return self.fit({**found, **beside}, (*trail, pointer))


def find(root: Mapping[str, Any], pointer: str, tool: str) -> Any:
    """What a reference within the document means. Raises ToolDefinitionError."""
    if not pointer.startswith("#"):
        raise ToolDefinitionError(
            f"tool {tool}: {pointer!r} refers to another document; put all into one"
        )
    node: Any = root
    for step in pointer.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and name.isdigit() and int(name) < len(node):
            node = node[int(name)]
        elif isinstance(node, Mapping) and name in node:
            node = node[name]
        else:
            raise ToolDefinitionError(f"tool {tool}: {pointer!r} refers to nothing")
    return node


def _translated(node: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI 3.0 says in its own way, said as JSON Schema does."""
    if node.pop("nullable", False) is True and isinstance(node.get("type"), str):
        node["type"] = [node["type"], "null"]
        if isinstance(node.get("enum"), list) and None not in node["enum"]:
            node["enum"] = [*node["enum"], None]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(node.get(exclusive), bool) and node.pop(exclusive) and bound in node:
            node[exclusive] = node.pop(bound)
    return node
