"""The phrase book: what the assistant has said once, kept as sound to be said again at no cost.

Each recording stands for one sentence in one voice of one model, in one format; whatever of that
changes, or the version that the operator gives, makes it another one, and the old is not found.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec

from audio.format import Format
from gateway.assistants.openai import endpoint
from gateway.call import toolwords as say
from gateway.call.plan import Phrase
from gateway.plans.planning import Booking
from gateway.settings import Settings
from gateway.settings.phrases import PhraseRule
from gateway.taps.phrases import PhraseTap

log = logging.getLogger(__name__)

LONGEST = 30  # seconds of one recording
KEPT = 500  # recordings in the folder; beyond that the ones go that were made first
ENDING = ".phrase"


class Recording(msgspec.Struct, frozen=True):
    """What was said, and its sound in one format."""

    text: str
    sound: bytes


@dataclass(frozen=True, slots=True)
class Speaker:
    """Whose voice it is, and for whom: all on which a sentence and its sound depend."""

    model: str  # with its address, where several have the same
    voice: str
    language: str
    instructions: str
    tenant: str
    documents: str  # which ones that tenant's calls can search
    version: str  # the policy's, and the operator's own
    format: Format


class PhraseBook:
    """The recordings of one gateway, in a folder or, without one, while it runs."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._known: dict[str, Recording] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._known.update(self._read(folder))

    def lend(
        self,
        booking: Booking,
        settings: Settings,
        *,
        personal: bool,
        documents: str | None = "",
    ) -> Booking:
        """The same call with the phrases of the settings, and their sound where it is at hand.

        `personal`: what is known of the caller stands in the way of keeping answers for others.
        `documents`: which ones such answers rest on; None, where that is not known yet, too.
        """
        plan, rules = booking.plan, settings.phrases
        if not rules or plan.relays:
            return booking
        speaker = speaker_of(booking, settings, documents or "")
        made_up = not personal and documents is not None
        phrases = tuple(self._phrase(rule, speaker) for rule in rules if rule.say or made_up)
        said = {rule.use: say.exactly(rule.say) for rule in rules}
        waits = next((rule.say for rule in rules if rule.use == "wait"), plan.tooling.phrase)
        plan = replace(
            plan,
            phrases=phrases,
            phrase_patience=settings.phrasebook.patience_ms * 1000,
            greeting=said.get("greeting", plan.greeting) if plan.turns.create_response else "",
            tooling=replace(plan.tooling, phrase=waits),
        )
        return replace(booking, plan=plan)

    def taps(
        self, booking: Booking, settings: Settings, documents: str | None = ""
    ) -> list[PhraseTap]:
        """What listens in that call for phrases that are not at hand."""
        plan = booking.plan
        if all(one.sound for one in plan.phrases):
            return []
        longest = LONGEST * plan.rate * plan.format.width
        keep = partial(self.keep, speaker_of(booking, settings, documents or ""))
        return [PhraseTap(plan, keep, settings.phrasebook.tools, longest)]

    def _phrase(self, rule: PhraseRule, speaker: Speaker) -> Phrase:
        known = self._known.get(key_of(rule.name, rule.say, speaker))
        if known is None:
            return Phrase(rule.name, rule.say, asks=rule.words)
        return Phrase(rule.name, known.text, known.sound, rule.words)

    def keep(self, speaker: Speaker, phrase: Phrase, text: str, sound: bytes) -> None:
        """Keep what was just said, in the words of the phrase if it has any. Raises OSError."""
        key = key_of(phrase.name, phrase.text, speaker)
        self._known[key] = recording = Recording(phrase.text or text, sound)
        log.info("a phrase is at hand from now on", extra={"phrase": phrase.name})
        if self._folder is not None:
            place = self._folder / f"{key}{ENDING}"
            beside = place.with_suffix(f".{os.getpid()}.part")
            beside.write_bytes(msgspec.msgpack.encode(recording))
            beside.replace(place)

    def _read(self, folder: Path) -> Iterator[tuple[str, Recording]]:
        files = sorted(folder.glob(f"*{ENDING}"), key=lambda one: one.stat().st_mtime, reverse=True)
        for place in files[KEPT:]:
            place.unlink(missing_ok=True)
        for place in files[:KEPT]:
            try:
                yield place.stem, msgspec.msgpack.decode(place.read_bytes(), type=Recording)
            except (OSError, msgspec.DecodeError):
                log.warning("a recorded phrase cannot be read", extra={"file": str(place)})


def speaker_of(booking: Booking, settings: Settings, documents: str = "") -> Speaker:
    """Who speaks in that call."""
    plan, target, way = booking.plan, booking.target, endpoint(booking.target)
    host = "" if target.kind == "embedded" else way.host  # its port is another at each start
    return Speaker(
        model=f"{target.kind} {host} {way.model}",
        voice=plan.voice,
        language=plan.language,
        instructions=plan.instructions,
        tenant=plan.tenant,
        documents=documents,
        version=f"{settings.phrasebook.version} {settings.guard.rules.digest}".strip(),
        format=plan.format,
    )


def key_of(name: str, text: str, speaker: Speaker) -> str:
    """What a recording is found by. What a model made up itself is one tenant's alone."""
    at = speaker.format
    parts = [speaker.model, speaker.voice, speaker.language, f"{at.encoding}-{at.rate}", text]
    if not text:
        parts += [name, speaker.tenant, speaker.instructions, speaker.documents]
    parts.append(speaker.version)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]
