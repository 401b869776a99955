"""From a function's annotations to a pydantic model of its arguments, and a JSON schema to send."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

from tools.context import ToolContext
from tools.faults import misfit

REFUSED = {
    inspect.Parameter.VAR_POSITIONAL: "*{} has no place in a JSON object; take a list instead",
    inspect.Parameter.VAR_KEYWORD: "**{} accepts anything; name each parameter instead",
    inspect.Parameter.POSITIONAL_ONLY: "{} is positional only; arguments come by name",
}
# What stands below these keys is data or a name, not a schema.
DATA = frozenset({"default", "const", "enum", "examples", "required"})
NAMED = frozenset({"properties", "patternProperties"})


class ToolDefinitionError(TypeError):
    """A function cannot be a tool as it is written; says which one, why, and what to do."""


class Arguments:
    """The arguments that a function takes by name: checks JSON against them."""

    __slots__ = ("_model", "_names", "context")

    def __init__(self, function: Callable[..., Any]) -> None:
        parameters, hints = _parameters(function), _hints(function)
        self.context: str | None = None  # the parameter that wants the ToolContext
        # Fields have names of our own, so that a parameter may be called `schema` or `copy`.
        self._names: dict[str, str] = {}
        fields: dict[str, Any] = {}
        for parameter in parameters:
            hint = hints[parameter.name]
            if hint in (ToolContext, ToolContext | None):
                self.context = parameter.name
                continue
            field = f"argument_{len(fields)}"
            self._names[field] = parameter.name
            named = Annotated[hint, Field(alias=parameter.name)]  # type: ignore[valid-type]
            fields[field] = (named, _field(hint, parameter.default))
        config = ConfigDict(
            extra="forbid",
            coerce_numbers_to_str=True,  # models write an order number as 4217 now and then
            arbitrary_types_allowed=False,
        )
        try:
            self._model = create_model("Arguments", __config__=config, **fields)
        except PydanticUserError as error:
            raise ToolDefinitionError(_unfit(function, error)) from error

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the model may give."""
        return tuple(self._names.values())

    def read(self, json_text: str) -> dict[str, Any]:
        """The keyword arguments in a JSON object; none where the text is empty. ArgumentsError."""
        try:
            model = self._model.model_validate_json(json_text.strip() or "{}")
        except ValidationError as error:
            raise misfit(error, self.names) from None
        return {name: getattr(model, field) for field, name in self._names.items()}

    def schema(self, function: Callable[..., Any]) -> dict[str, Any]:
        """The JSON schema: references resolved, no titles, nothing allowed that is not named."""
        try:
            raw = self._model.model_json_schema(schema_generator=_StrictSchema)
        except PydanticUserError as error:
            raise ToolDefinitionError(_unfit(function, error)) from error
        definitions = raw.pop("$defs", {})
        tidy: dict[str, Any] = _Tidier(function, definitions).tidy(raw, ())
        tidy.setdefault("properties", {})
        tidy.pop("description", None)
        return tidy


class _StrictSchema(GenerateJsonSchema):
    """Refuses what pydantic would only warn of, such as a default that JSON cannot hold."""

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        raise PydanticUserError(detail, code=None)


class _Tidier:
    """Rewrites pydantic's schema into one that any model server takes."""

    def __init__(self, function: Callable[..., Any], definitions: dict[str, Any]) -> None:
        self._function = function
        self._definitions = definitions

    def tidy(self, node: Any, trail: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [self.tidy(item, trail) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return self._resolved(node, trail)
        tidy = {
            key: self._child(key, value, trail)
            for key, value in node.items()
            if not (key == "title" and isinstance(value, str))
        }
        if tidy.get("type") == "object" and not tidy.get("additionalProperties"):
            tidy["additionalProperties"] = False
        return tidy

    def _child(self, key: str, value: Any, trail: tuple[str, ...]) -> Any:
        if key in DATA:
            return value
        if key in NAMED:
            return {name: self.tidy(schema, trail) for name, schema in value.items()}
        return self.tidy(value, trail)

    def _resolved(self, node: dict[str, Any], trail: tuple[str, ...]) -> Any:
        name = node["$ref"].removeprefix("#/$defs/")
        if name in trail:
            raise ToolDefinitionError(
                f"{_named(self._function)}: {name} contains itself, which cannot be filled in "
                "by voice; use a type of limited depth"
            )
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return self.tidy({**self._definitions[name], **beside}, (*trail, name))


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(function).parameters.values())
    for parameter in parameters:
        if parameter.kind in REFUSED:
            reason = REFUSED[parameter.kind].format(parameter.name)
            raise ToolDefinitionError(f"{_named(function)}: {reason}")
        if parameter.annotation is inspect.Parameter.empty:
            raise ToolDefinitionError(
                f"{_named(function)}: parameter {parameter.name} has no type; "
                f"annotate it, for example {parameter.name}: str"
            )
    return parameters


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ToolDefinitionError(
            f"{_named(function)}: {error}; types of parameters must be importable at the top "
            "of the module, not only while type checking"
        ) from error


def _field(hint: Any, default: Any) -> FieldInfo:
    """What is known beyond the type; a bare string in Annotated is the description."""
    known: dict[str, Any] = {}
    if typing.get_origin(hint) is Annotated:
        words = [extra for extra in hint.__metadata__ if isinstance(extra, str)]
        known = {"description": words[-1]} if words else {}
    if isinstance(default, FieldInfo):
        default.description = default.description or known.get("description")
        return default
    if default is not inspect.Parameter.empty:
        known["default"] = default
    field: FieldInfo = Field(**known)
    return field


def _unfit(function: Callable[..., Any], error: PydanticUserError) -> str:
    reason = error.message.splitlines()[0]
    return f"{_named(function)}: {reason}; use types that JSON can hold"


def _named(function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    where = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return f"tool {getattr(function, '__name__', function)}{where}"
