"""Recast: one plan played by another assistant, which has a voice and a transcriber of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.assistants.openai import open_leg
from gateway.assistants.target import Target
from gateway.call.effects import Configure, ToAssistant
from gateway.call.plan import Plan
from gateway.session import Feed, Model


@dataclass(frozen=True, slots=True)
class Role:
    """An assistant that may answer a call, and what of the plan is its own."""

    target: Target
    voice: str = ""
    transcription: str = ""

    def leg(self, plan: Plan) -> Model:
        """A leg to it for a call with that plan. Raises SettingsError where it is not set up."""
        return _Recast(self, open_leg(self.target, plan.format))


class _Recast:
    """A leg that is told of the plan what suits its assistant."""

    def __init__(self, role: Role, leg: Model) -> None:
        self._role = role
        self._leg = leg
        self.hear = leg.hear

    async def run(self, feed: Feed) -> None:
        await self._leg.run(feed)

    def send(self, effect: ToAssistant) -> None:
        if isinstance(effect, Configure):
            voice, transcription = self._role.voice, self._role.transcription
            effect = Configure(replace(effect.plan, voice=voice, transcription=transcription))
        self._leg.send(effect)

    def close(self, reason: str) -> None:
        self._leg.close(reason)
