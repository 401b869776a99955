"""Watching: the taps of one call, as the settings want them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.assistants.openai import endpoint
from gateway.planning import Booking
from gateway.session import Tap
from gateway.settings.sections import Taps
from gateway.taps.books import Books, Heading
from gateway.taps.flushing import Flusher
from gateway.taps.journal import Journal
from gateway.taps.metrics import Metrics
from gateway.taps.recording import Recording
from gateway.taps.transcripts import Transcripts

if TYPE_CHECKING:
    from gateway.store.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watching:
    """What one gateway's taps write to."""

    metrics: Metrics
    store: Store | None
    flusher: Flusher

    def taps(self, kept: Taps, booking: Booking) -> list[Tap]:
        """All that watches a call."""
        taps: list[Tap] = [self.metrics.tap(booking.plan)]
        if self.store is not None:
            heading = self._heading(kept, booking, self.store)
            books = Books(self.store.writer.add, booking.plan, heading, self.store.audit)
            taps.append(self.flusher.add(books))
        return [*taps, *self._files(kept, booking)]

    def _files(self, kept: Taps, booking: Booking) -> Iterator[Tap]:
        plan = booking.plan
        for folder, kind, ending in (
            (kept.journal, Journal, ".journal.jsonl"),
            (kept.recording, Recording, ".wav"),
            (kept.transcripts, Transcripts, ".transcript.jsonl"),
        ):
            if not folder:
                continue
            try:
                tap = kind(Path(folder) / f"{plan.call_id}{ending}", plan)
            except (OSError, ValueError) as error:
                log.error("nothing is kept", extra={"tap": kind.__name__, "error": str(error)})
                continue
            yield self.flusher.add(tap) if isinstance(tap, Journal | Transcripts) else tap

    def _heading(self, kept: Taps, booking: Booking, store: Store) -> Heading:
        return Heading(
            gateway=store.gateway,
            via=booking.via,
            model=endpoint(booking.target).model,
            recording=f"{booking.plan.call_id}.wav" if kept.recording else "",
            began_ms=time.time_ns() // 1_000_000,
        )
