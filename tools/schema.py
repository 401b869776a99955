"""From a function's annotations to a pydantic model of its arguments, and a JSON schema to send."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Union

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
UNREADABLE = frozenset({"schema-for-unknown-type", "invalid-for-json-schema"})  # pydantic's codes
CONFIG = ConfigDict(
    extra="forbid",
    coerce_numbers_to_str=True,  # models write an order number as 4217 now and then
    arbitrary_types_allowed=False,
    allow_inf_nan=False,  # JSON has neither
)


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
            if _plain(hint) in (ToolContext, ToolContext | None):
                self.context = parameter.name
                continue
            field = f"argument_{len(fields)}"
            self._names[field] = parameter.name
            fields[field] = _typed(function, parameter, hint)
        self._model = create_model("Arguments", __config__=CONFIG, **fields)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the model may give."""
        fields = self._model.model_fields
        return tuple(fields[field].alias or name for field, name in self._names.items())

    def read(self, json_text: str) -> dict[str, Any]:
        """The keyword arguments in a JSON object; none where the text is empty. ArgumentsError."""
        try:
            model = self._model.model_validate_json(json_text.strip() or "{}")
        except ValidationError as error:
            raise misfit(error, self.names) from None
        return {name: getattr(model, field) for field, name in self._names.items()}

    def schema(self, function: Callable[..., Any]) -> dict[str, Any]:
        """The JSON schema: references resolved, no titles, nothing allowed that is not named."""
        raw = self._model.model_json_schema(schema_generator=_StrictSchema)
        definitions = raw.pop("$defs", {})
        tidy: dict[str, Any] = _Tidier(function, definitions).tidy(raw, ())
        tidy.setdefault("properties", {})
        tidy.pop("description", None)
        return tidy


class _StrictSchema(GenerateJsonSchema):
    """Refuses what pydantic would only warn of, such as a default that JSON cannot hold."""

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        raise PydanticUserError(detail.partition(";")[0], code=None)


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
            # OpenAPI's, not JSON schema's; it points at definitions that are not there any more.
            if not (key == "discriminator" and isinstance(value, dict) and "propertyName" in value)
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
        if parameter.annotation is inspect.Parameter.empty and parameter.name in ("self", "cls"):
            raise ToolDefinitionError(
                f"{_named(function)}: it is a method; make a tool of an object's own, "
                f"such as tool(desk.{getattr(function, '__name__', 'look_up')})"
            )
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
    except (TypeError, SyntaxError) as error:
        raise ToolDefinitionError(f"{_named(function)}: {error}") from error


def _typed(function: Callable[..., Any], parameter: inspect.Parameter, hint: Any) -> Any:
    """The parameter as a field of a model; tried by itself, so that a bad one can be named."""
    where = f"{_named(function)}: parameter {parameter.name}"
    try:
        named = Annotated[hint, Field(alias=parameter.name)]
        typed = (named, _field(hint, parameter.default))
        config: ConfigDict = {**CONFIG, "validate_default": True}
        alone: Any = create_model("Argument", __config__=config, argument=typed)
        schema = alone.model_json_schema(schema_generator=_StrictSchema)
        field = alone.model_fields["argument"]
        if not field.is_required() and field.default_factory is None:
            alone()
            json.dumps(schema, allow_nan=False)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]["msg"]
        none = f"; write {_shown(hint)} | None" if parameter.default is None else ""
        default = repr(parameter.default)[:100]
        raise ToolDefinitionError(
            f"{where}: its default {default} does not fit its type: {fault}{none}"
        ) from None
    except Exception as error:  # what a type does when it is asked for its schema is its own
        raise ToolDefinitionError(f"{where}: {_unfit(hint, error)}") from error
    return typed


def _plain(hint: Any) -> Any:
    """The type without what is said of it beside."""
    return hint.__origin__ if typing.get_origin(hint) is Annotated else hint


def _words(hint: Any) -> str:
    """A bare string in Annotated is the description, also where None may stand in its place."""
    if typing.get_origin(hint) is Annotated:
        words = [extra for extra in hint.__metadata__ if isinstance(extra, str)]
        return words[-1] if words else _words(hint.__origin__)
    if typing.get_origin(hint) in (Union, UnionType):
        parts = [part for part in typing.get_args(hint) if part is not NoneType]
        return _words(parts[0]) if len(parts) == 1 else ""
    return ""


def _field(hint: Any, default: Any) -> FieldInfo:
    """What is known beyond the type."""
    known: dict[str, Any] = {"description": words} if (words := _words(hint)) else {}
    if isinstance(default, FieldInfo):
        default.description = default.description or known.get("description")
        return default
    if default is not inspect.Parameter.empty:
        known["default"] = default
    field: FieldInfo = Field(**known)
    return field


def _unfit(hint: Any, error: Exception) -> str:
    if isinstance(error, PydanticUserError) and error.code in UNREADABLE:
        return (
            f"{_shown(hint)} cannot be read from JSON; use types that JSON can hold, such as str, "
            "int, a list, an Enum, a dataclass or a pydantic model"
        )
    reason = error.message if isinstance(error, PydanticUserError) else str(error)
    first = (reason.splitlines() or [type(error).__name__])[0].rstrip(".")
    ours = isinstance(error, PydanticUserError) and error.code is None
    return f"{first}; " + ("use types that JSON can hold" if ours else f"it is {_shown(hint)}")


def _shown(hint: Any) -> str:
    return inspect.formatannotation(_plain(hint)).removeprefix("typing.")[:100]


def _named(function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    where = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return f"tool {getattr(function, '__name__', function)}{where}"
