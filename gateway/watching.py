"""Watching: the taps of one call, as the settings want them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from audio.container import OPUS_RATES
from gateway.assistants.openai import endpoint
from gateway.call.plan import Plan
from gateway.plans.planning import Booking
from gateway.redaction.detect import NOTHING
from gateway.session import Tap
from gateway.settings.privacy import Privacy
from gateway.settings.sections import Taps
from gateway.taps.books import Books, Heading
from gateway.taps.discretion import Discretion
from gateway.taps.flushing import Flusher, Held
from gateway.taps.journal import Journal
from gateway.taps.metrics import Metrics
from gateway.taps.recording import ENDINGS, Recording
from gateway.taps.transcripts import Transcripts

if TYPE_CHECKING:
    from gateway.store.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")


class HeldTap(Tap, Held, Protocol):
    """A tap that gathers before it writes."""


@dataclass(frozen=True, slots=True)
class Watching:
    """What one gateway's taps write to."""

    metrics: Metrics
    store: Store | None
    flusher: Flusher
    privacy: Privacy

    def taps(self, kept: Taps, booking: Booking) -> list[Tap]:
        """All that watches a call."""
        taps: list[Tap] = [self.metrics.tap(booking.plan)]
        if self.store is not None:
            heading = self._heading(kept, booking, self.store)
            books = Books(self.store.writer.add, booking.plan, heading, self.store.audit)
            discreet = Discretion(booking.plan, self.privacy.redaction(), books)
            taps.append(self.flusher.add(discreet))
        return [*taps, *self._files(kept, booking)]

    def _files(self, kept: Taps, booking: Booking) -> Iterator[Tap]:
        plan, policy, keys = booking.plan, self.privacy.redaction(), self.privacy.lock()
        words, sound = plan.privacy.transcripts != "off", plan.privacy.recording != "off"
        if kept.journal and words:
            path = Path(kept.journal) / f"{plan.call_id}.journal.jsonl"
            yield from self._held(partial(Journal, path, plan, policy, keys), Journal.__name__)
        if kept.recording and sound:
            path = Path(kept.recording) / f"{plan.call_id}{self._ending(plan)}"
            heard = policy if self.privacy.tone else NOTHING
            recording = partial(Recording, path, plan, heard, keys)
            yield from _opened(recording, Recording.__name__)
        if kept.transcripts and words:
            path = Path(kept.transcripts) / f"{plan.call_id}.transcript.jsonl"
            words_kept = partial(Transcripts, path, plan, keys)
            name, kinds = Transcripts.__name__, Transcripts.kinds
            tap = partial(Discretion, plan, policy, None, words_kept, name, kinds)
            yield from self._held(tap, name)

    def _held(self, tap: Callable[[], HeldTap], name: str) -> Iterator[Tap]:
        yield from map(self.flusher.add, _opened(tap, name))

    def _ending(self, plan: Plan) -> str:
        opus = self.privacy.recording_format == "opus" and plan.rate in OPUS_RATES
        return ENDINGS["opus" if opus else "wav"]

    def _heading(self, kept: Taps, booking: Booking, store: Store) -> Heading:
        recorded = kept.recording and booking.plan.privacy.recording != "off"
        return Heading(
            gateway=store.gateway,
            via=booking.via,
            model=endpoint(booking.target).model,
            recording=f"{booking.plan.call_id}{self._ending(booking.plan)}" if recorded else "",
            began_ms=time.time_ns() // 1_000_000,
        )


def _opened(tap: Callable[[], T], name: str) -> Iterator[T]:
    """The tap, unless it cannot be opened: the call goes on without it."""
    try:
        yield tap()
    except (OSError, ValueError) as error:
        log.error("nothing is kept", extra={"tap": name, "error": str(error)})
