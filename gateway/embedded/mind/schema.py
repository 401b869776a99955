"""A function's JSON schema as parameters that can be asked for and filled from words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gateway.embedded.mind.words import split_name, stem
from gateway.embedded.parts import Function

Schema = dict[str, Any]

_ROLES = (  # the first whose words occur in the name, else in the description, is the role
    ("email", "email mail"),
    ("zone", "timezone tz zone"),
    ("phone", "phone telephone mobile cell"),
    ("duration", "duration length minutes hours seconds nights"),
    ("id", "id number no code reference ref sku tracking account pnr identifier iban zip postcode"),
    ("datetime", "datetime timestamp"),
    ("date", "date day when birthday"),
    ("time", "time hour"),
    ("money", "price amount budget cost payment sum"),
    ("place", "city location place town country destination origin where address airport state"),
    ("text", "reason note message query question comment subject body text topic search issue"),
    ("name", "name person customer guest contact who"),
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a function: what it is called, means and may be."""

    name: str
    kind: str  # string, integer, number, boolean, array, object
    role: str  # what its words say it is: id, date, place, ...; empty if they do not say
    description: str = ""
    required: bool = False
    enum: tuple[Any, ...] = ()
    pattern: str = ""
    nullable: bool = False
    item: Parameter | None = None
    minimum: float | None = None
    maximum: float | None = None

    @property
    def label(self) -> str:
        """The name as words, without the ending that only programs need."""
        spaced = split_name(self.name)
        return spaced.removesuffix(" id") if spaced != "id" else "number"

    @property
    def stems(self) -> frozenset[str]:
        found = {stem(word) for word in re.findall(r"[a-z]+", split_name(self.name))}
        return frozenset(found | {stem(w) for w in re.findall(r"[a-z]+", self.description.lower())})


def parameters(function: Function) -> tuple[Parameter, ...]:
    """The parameters of a function, in the order of its schema; what cannot be read is left out."""
    root = function.parameters if isinstance(function.parameters, dict) else {}
    whole = _resolve(root, root)
    properties = whole.get("properties")
    required = whole.get("required")
    names = required if isinstance(required, list) else []
    if not isinstance(properties, dict):
        return ()
    return tuple(
        _parameter(str(name), schema, root, name in names)
        for name, schema in properties.items()
        if isinstance(schema, dict)
    )


def _parameter(name: str, raw: Schema, root: Schema, required: bool, depth: int = 0) -> Parameter:
    schema = _resolve(raw, root)
    options, nullable = _options(schema)
    enum = _enum(schema)
    kind = next((option for option in options if option != "null"), "")
    if not kind:
        kind = _kind_of(enum[0]) if enum else "string"
    items = schema.get("items")
    item = None
    if kind == "array" and depth == 0:
        shape = items if isinstance(items, dict) else {}
        item = _parameter(name, shape, root, False, depth=1)
    description = str(schema.get("description") or schema.get("title") or "")
    return Parameter(
        name=name,
        kind=kind,
        role="" if enum else _role(name, description, kind, schema),
        description=description,
        required=required,
        enum=tuple(value for value in enum if value is not None),
        pattern=str(schema.get("pattern") or ""),
        nullable=nullable,
        item=item,
        minimum=_bound(schema, "minimum"),
        maximum=_bound(schema, "maximum"),
    )


def _resolve(schema: Schema, root: Schema, depth: int = 0) -> Schema:
    """Follow $ref, and fold anyOf, oneOf and allOf into the one branch that can be spoken."""
    if depth > 8:
        return {}
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        target: Any = root
        for part in reference.lstrip("#/").split("/"):
            target = target.get(part) if isinstance(target, dict) and part else None
        around = {key: value for key, value in schema.items() if key != "$ref"}
        found = target if isinstance(target, dict) else {}
        return _resolve(found | around, root, depth + 1)
    for key in ("anyOf", "oneOf", "allOf"):
        branches = [branch for branch in schema.get(key) or () if isinstance(branch, dict)]
        if not branches:
            continue
        solid = [_resolve(branch, root, depth + 1) for branch in branches]
        real = [branch for branch in solid if branch.get("type") != "null"]
        folded = _fold(real) if key == "allOf" else _choose(real)
        around = {name: value for name, value in schema.items() if name != key}
        null = {"nullable": True} if len(real) < len(solid) else {}
        return folded | around | null
    return schema


def _fold(branches: list[Schema]) -> Schema:
    whole: Schema = {}
    for branch in branches:
        whole |= branch
    return whole


def _choose(branches: list[Schema]) -> Schema:
    """Constants become one enum; of several types the first is spoken."""
    constants = [branch["const"] for branch in branches if "const" in branch]
    if branches and len(constants) == len(branches):
        return {"enum": constants}
    return branches[0] if branches else {}


def _options(schema: Schema) -> tuple[list[str], bool]:
    kind = schema.get("type")
    options = [str(one) for one in kind] if isinstance(kind, list) else [str(kind)] if kind else []
    return options, "null" in options or bool(schema.get("nullable"))


def _enum(schema: Schema) -> list[Any]:
    if "const" in schema:
        return [schema["const"]]
    enum = schema.get("enum")
    return enum if isinstance(enum, list) else []


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "number" if isinstance(value, float) else "string"


def _bound(schema: Schema, key: str) -> float | None:
    value = schema.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _role(name: str, description: str, kind: str, schema: Schema) -> str:
    formats = {"date": "date", "time": "time", "date-time": "datetime", "email": "email"}
    if (known := formats.get(str(schema.get("format") or ""))) and kind == "string":
        return known
    pattern = str(schema.get("pattern") or "")
    if kind == "string" and re.search(r"\\d|\[0-9", pattern):
        return "date" if re.search(r"4\}-", pattern) else "time" if ":" in pattern else "id"
    own = split_name(name).split()
    first = re.split(r"[,.;(]| such as | e\.g", description.lower())[0]
    for source in (own, re.findall(r"[a-z]+", first)):
        for role, words in _ROLES:
            if set(words.split()) & set(source) and _suits(role, kind, source):
                return role
    return ""


def _suits(role: str, kind: str, source: list[str]) -> bool:
    if role == "id" and source[:2] == ["number", "of"]:
        return False
    if kind in ("integer", "number"):
        return role in ("duration", "money") or (role == "id" and source[-1] in ("id", "number"))
    return kind != "boolean" and role != "duration"
