"""Policy: the rules of calls from a TOML file, whole and without contradiction, or not at all."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from gateway.call.guard.rules import Action, GuardPolicy, Place, Rule
from gateway.errors import SettingsError
from gateway.guarding.contradictions import contradictions
from gateway.redaction.detect import Kind
from gateway.section import Section

LARGEST = 1024 * 1024  # bytes of a policy
RULES = 500

EXAMPLE = """for example:
    [[rules]]
    name = "no-legal-advice"
    places = ["assistant"]
    words = ["you should sue"]
    action = "replace"
    phrase = "I am not able to give legal advice."
"""

Texts = tuple[str, ...]


class RuleTable(Section):
    """A rule as the file has it."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[\w. -]+$")
    places: tuple[Place, ...] = Field(min_length=1)
    action: Action
    words: Texts = ()
    patterns: Texts = ()
    pii: tuple[Kind, ...] = ()
    injection: bool = False
    like: Texts = ()
    likeness: float = Field(default=0.55, gt=0, le=1)
    moderation: Texts = ()
    threshold: float = Field(default=0.0, ge=0, le=1)
    unless: Texts = ()
    tools: Texts = ()
    fields: Texts = ()
    phrase: str = Field(default="", max_length=1_000)
    steer: str = Field(default="", max_length=4_000)
    target: str = Field(default="", max_length=200)

    def rule(self) -> Rule:
        """The same, as the call knows it."""
        return Rule(**{name: getattr(self, name) for name in type(self).model_fields})


class PolicyFile(Section):
    """A policy as the file has it."""

    name: str = Field(min_length=1, max_length=60)
    version: str = Field(min_length=1, max_length=60)
    hold: bool = False
    patience_ms: int = Field(default=800, ge=50, le=1_500)
    sentence_ms: int = Field(default=250, ge=20, le=1_500)
    unanswered: str = Field(default="open", pattern="^(open|closed)$")
    rules: tuple[RuleTable, ...] = Field(min_length=1, max_length=RULES)


def read(path: Path) -> GuardPolicy:
    """The policy in a file. Raises SettingsError that names the file, the rule and what to do."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{path}: the policy cannot be read: {error.strerror}; guard.policy names its file"
        ) from None
    if len(raw) > LARGEST:
        raise SettingsError(f"{path}: a policy has at most {LARGEST} bytes, this one {len(raw)}")
    try:
        file = PolicyFile.model_validate(tomllib.loads(raw.decode("utf-8-sig")))
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: the policy is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: the policy is not valid TOML: {error}; {EXAMPLE}") from None
    except ValidationError as error:
        problems: list[Any] = error.errors(include_url=False)
        said = "\n".join(f"{path}: {_explain(problem)}" for problem in problems)
        raise SettingsError(f"{said}; {EXAMPLE}") from None
    policy = GuardPolicy(
        name=file.name,
        version=file.version,
        digest=hashlib.sha256(raw).hexdigest(),
        hold=file.hold,
        patience=file.patience_ms * 1000,
        sentence=file.sentence_ms * 1000,
        closed=file.unanswered == "closed",
        rules=tuple(table.rule() for table in file.rules),
    )
    if wrong := contradictions(policy):
        raise SettingsError("\n".join(f"{path}: {one}" for one in wrong))
    return policy


def _explain(problem: dict[str, Any]) -> str:
    where = "".join(
        f" number {part + 1}" if isinstance(part, int) else f".{part}" for part in problem["loc"]
    ).removeprefix(".")
    if problem["type"] == "extra_forbidden":
        return f"there is no key {where}"
    wish = problem["msg"].replace("Input should be", "should be").replace("Field required", "")
    return f"{where} {wish or 'is missing'}"
