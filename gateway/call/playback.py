"""Playback: paces the assistant's voice to the caller and knows, item by item, what was heard."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.call.alarm import earliest
from gateway.call.effects import Play
from gateway.call.plan import Plan
from gateway.call.tracks import CutItem, Source, Span, Track

BACKLOG_US = 600_000_000  # audio of one call that may wait to be played
ITEMS = 64  # of one call that may wait to be played, with sound or without
LONGEST_TRIP_US = 500_000  # what takes longer is no network, and is not counted on
REPORT_GRACE_US = 1_000_000  # a report this late will not come any more


class Playback:
    """Sends at most `lead` ahead of the caller's ear, so that the rest can be taken back.

    The ear is modelled as a run: since `run_start` samples have played without a gap. Where the
    caller's leg reports what it played, the report leads and the model only fills the time since
    then; where it does not, the model is all there is.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._lead = plan.playback.lead
        self._grain = max(plan.playback.grain, plan.playback.frame)
        self._most = plan.samples(BACKLOG_US)
        self._frame = plan.samples(plan.playback.frame)  # samples; 0: any
        self._width = plan.format.width  # bytes of a sample
        self._tracks: dict[str, Track] = {}  # in the order of playing; settled ones leave
        self._run_start = 0
        self._run_samples = 0
        self.heard_until = 0  # call time at which all that was sent will have been played
        self._last_report: tuple[str, int] | None = None  # item, call time
        self._moved_at = 0  # when a report last told of more
        self._reports = False  # whether any report has come in this call
        self._sounds_since: int | None = None  # when the first sound of this call was sent
        self._held = False  # what comes first waits for time to pass, not for more sound
        self._settled_at = 0
        # Until `heard_until`, whether what came last changes only how much waits, or was heard.
        self.steady = False
        self._trip = 0  # how long an order and its answer are under way, as far as it is known
        self.generation = 0
        self.source: Source = "paced"

    # ------------------------------------------------------------ what comes in

    def add(self, item_id: str, response_id: str, pcm: bytes) -> bool:
        """Queue a piece of an item; False where the backlog is full and it was refused."""
        track = self._tracks.get(item_id)
        if track is None:
            if len(self._tracks) >= (ITEMS if response_id else 2 * ITEMS):  # room for our own
                return False
            track = self._tracks[item_id] = Track(item_id, response_id)
        backlog = 0
        for other in self._tracks.values():
            backlog += other.received - other.sent
        if backlog > self._most:
            return False
        if not pcm:
            self.steady = self._held or (len(self._tracks) == 1 and track.reported < track.sent)
            return True
        self.steady = self._held and track.received > 0
        track.waiting.append(pcm)
        track.received += len(pcm) // self._width
        return True

    def end_item(self, item_id: str) -> None:
        """All of this item's audio has been received."""
        if (track := self._tracks.get(item_id)) is not None:
            track.ended = True

    def end_response(self, response_id: str) -> None:
        """No item of this response will receive any more audio."""
        for track in self._tracks.values():
            if track.response_id == response_id:
                track.ended = True

    def end_all(self) -> None:
        """Nothing will receive any more audio."""
        for track in self._tracks.values():
            track.ended = True

    def report(self, item_id: str, samples: int, generation: int, now: int) -> None:
        """The caller's leg says how much of an item has been heard, all in all."""
        track = self._tracks.get(item_id)
        self.steady = False
        if track is None or generation != self.generation:
            return  # it answers something that was flushed: it proves nothing
        first = next(iter(self._tracks.values()))  # what is being heard, or comes next
        self.steady = self._held and self._reports and track is first and samples < track.sent
        self._reports = True
        if samples > track.reported:
            track.reported, self._moved_at = min(samples, track.sent), now
        self._last_report = (item_id, now)
        self._time_trip(track, samples, now)

    def _time_trip(self, track: Track, samples: int, now: int) -> None:
        """That nothing of a run has been played is said as soon as it is there: it took a trip."""
        for span in track.spans:
            if span.position == samples and not span.offset and span.run_start == self._run_start:
                self._trip = min(now - self._run_start, LONGEST_TRIP_US)

    # ------------------------------------------------------------ what goes out

    def release(self, now: int) -> Iterator[Play]:
        """What may be sent now."""
        self._held, self._settled_at = False, now
        for track in self._tracks.values():
            while track.received > track.sent and (ready := self._ready(track)):
                room = self._lead - max(0, self.heard_until - now)
                if room < self._grain:
                    self._held = track is next(iter(self._tracks.values()))
                    return
                yield self._send(track, min(ready, self._whole(self._plan.samples(room))), now)

    def _ready(self, track: Track) -> int:
        """Samples that wait and may go out as far as their frames are concerned."""
        waiting = track.received - track.sent
        if not (self._frame and waiting) or track.ended:
            return waiting
        goes_on = track is next(reversed(self._tracks.values()))
        return self._whole(waiting) if goes_on else waiting

    def _whole(self, samples: int) -> int:
        """So many samples in whole frames."""
        return samples - samples % self._frame if self._frame else samples

    def _send(self, track: Track, samples: int, now: int) -> Play:
        if self._sounds_since is None:
            self._sounds_since = now
        if self.heard_until <= now:
            self._run(now)
            self._last_report = None  # after a gap only a new report says what is being heard
        pcm = track.take(samples * self._width)
        if not track.goes_on(self._run_start, self._run_samples):
            track.spans.append(Span(self._run_start, self._run_samples, track.sent))
        play = Play(track.item_id, pcm, track.sent, self.generation)
        track.sent += samples
        self._run_samples += samples
        self.heard_until = self._run_start + self._plan.microseconds(self._run_samples)
        return play

    def _run(self, now: int) -> None:
        """What is sent next is heard at once."""
        self._held = False
        self._run_start = self.heard_until = now
        self._run_samples = 0

    # ------------------------------------------------------------ what was heard

    def heard(self, item_id: str, now: int) -> int:
        """Samples of this item that the caller has heard."""
        track = self._tracks.get(item_id)
        return 0 if track is None else self._heard(track, now)

    def received(self, item_id: str) -> int:
        """Samples of this item that the model has sent."""
        track = self._tracks.get(item_id)
        return 0 if track is None else track.received

    def received_of_all(self) -> list[tuple[str, int]]:
        """Each item that is not settled, and the samples of it that the model has sent."""
        return [(track.item_id, track.received) for track in self._tracks.values()]

    def _heard(self, track: Track, now: int) -> int:
        paced = self._paced(track, now)
        if self._known_by(now) == "paced":
            return paced
        return max(track.reported, min(self._extrapolated(track, now), paced))

    def _known_by(self, now: int) -> Source:
        """How it is known what was heard: not by reports where they were promised and none came."""
        silent = not self._reports and now >= (self._sounds_since or 0) + REPORT_GRACE_US
        return "paced" if silent else self.source

    def _paced(self, track: Track, now: int) -> int:
        end = track.sent
        for span in reversed(track.spans):
            played = self._plan.samples(now - span.run_start) - span.offset
            if played > 0:
                return min(span.position + played, end)
            end = span.position
        return end

    def _extrapolated(self, track: Track, now: int) -> int:
        """The last report, and what has played since: of its own item, then of those behind it."""
        if self._last_report is None:
            return 0
        last_id, at = self._last_report
        if (before := self._before(track, last_id)) is None:
            return track.sent
        played = self._plan.samples(now - at) - before
        return min(track.sent, track.reported + max(0, played))

    def _before(self, track: Track, last_id: str) -> int | None:
        """Samples between the last report, of that item, and this item; None: it came before."""
        samples = 0
        reached = last_id not in self._tracks  # then it has been heard to its end, and left
        for other in self._tracks.values():
            reached = reached or other.item_id == last_id
            if other is track:
                break
            if reached:
                samples += other.sent - other.reported
        return samples if reached else None

    def anything_heard(self, now: int) -> bool:
        """Whether the caller has heard some of what is being played."""
        return any(self._heard(track, now) for track in self._tracks.values())

    def finished(self, now: int) -> list[str]:
        """Items that have been heard to their end since the last time this was asked."""
        done: list[str] = []
        for track in tuple(self._tracks.values()):
            if track.ended and not track.waiting and self._is_over(track, now):
                done.append(track.item_id)
                self._leave(track)
        return done

    def _leave(self, track: Track) -> None:
        """An item that was heard to its end leaves; time goes on from where it ended."""
        del self._tracks[track.item_id]
        if self._last_report is not None and self._last_report[0] not in self._tracks:
            rest = self._plan.microseconds(track.sent - track.reported)
            self._last_report = (track.item_id, self._last_report[1] + rest)

    def _is_over(self, track: Track, now: int) -> bool:
        if self._heard(track, now) >= track.sent:
            return True
        return self.source == "reported" and now >= self._given_up_at

    @property
    def _given_up_at(self) -> int:
        """When no report will come any more: a caller who still tells of more still hears."""
        return max(self.heard_until, self._moved_at) + REPORT_GRACE_US

    def playing(self, now: int) -> bool:
        """Whether the caller hears the assistant, or is about to."""
        for track in self._tracks.values():
            if track.waiting or not self._is_over(track, now):
                return True
        return False

    # ------------------------------------------------------------ interruption

    def cut(self, now: int) -> list[CutItem]:
        """Stop everything; returns the items that were not heard to their end, in order.

        A report was true when it left, and the order to stop has its way before it still.
        """
        then = now + self._trip if self.source == "reported" else now
        cuts = [
            CutItem(t.item_id, t.response_id, t.received, heard, self._known_by(now))
            for t in self._tracks.values()
            if (heard := self._heard(t, then)) < t.received or not t.ended
        ]
        self._tracks.clear()
        self._run(now)
        self._last_report = None
        self.generation += 1
        return cuts

    def leave(self, item_id: str, now: int) -> int:
        """The caller has stopped this item itself; how much of it was received."""
        track = self._tracks.pop(item_id, None)
        if not self._tracks:
            self._run(now)
        return 0 if track is None else track.received

    def goes_on(self, response_id: str) -> bool:
        """Whether an item of that answer has sounded and not ended."""
        for track in self._tracks.values():
            if track.response_id == response_id and track.received and not track.ended:
                return True
        return False

    def items(self) -> list[str]:
        """The items that are being played, or wait to be."""
        return list(self._tracks)

    # ------------------------------------------------------------ time

    @property
    def deadline(self) -> int | None:
        """When there is something to release or to settle."""
        if self._held:
            return self.heard_until - self._lead + self._grain
        times: list[int | None] = []
        for track in self._tracks.values():
            if track.received > track.sent and self._ready(track):
                times.append(self.heard_until - self._lead + self._grain)
                break
            if track.sent:  # else it was announced and has no audio yet
                times.append(self._over_at(track))
        return earliest(times, self._settled_at)

    def _over_at(self, track: Track) -> int:
        """When this item will have been heard to its end, if no report says more until then."""
        last = track.spans[-1]
        paced = last.run_start + self._plan.microseconds(last.offset + track.sent - last.position)
        if self.source == "paced":
            return paced
        if not self._reports:
            return max(paced, (self._sounds_since or 0) + REPORT_GRACE_US)
        if self._last_report is None:
            return self._given_up_at
        last_id, at = self._last_report
        before = self._before(track, last_id)
        if before is None:
            return paced
        rest = self._plan.microseconds(before + track.sent - track.reported)
        return min(max(paced, at + rest), self._given_up_at)
