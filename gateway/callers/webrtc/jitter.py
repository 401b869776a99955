"""Jitter buffer: packets in any order go in, the caller's sound in its order comes out.

Nobody listens to this sound with an ear: it goes to a voice detector and to a model. So a packet
that is next in order is given at once, and only what follows a hole waits, for as long as packets
have lately been late. What does not come in that time is lost, and is said to be lost, so that it
can be recovered or concealed. Where nothing comes at all, silence is told as time passes, because
whoever waits for the end of speech must hear that it is quiet; at once where the sender said so.

Times are microseconds of any clock, lengths are samples of the RTP clock, 48 kHz for Opus.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

CLOCK = 48_000
FRAME = 960  # samples of silence that are told at least, and that a lost packet held at least
LEAST, MOST = 20_000, 240_000  # how long a hole may hold up what follows it
MARGIN = 10_000  # added to how late packets have been
STALL = 200_000  # without any packet, after which silence is told
SILENCE = 100_000  # of it at once, but while it is new:
NEW = 600_000  # then a turn may end any moment, and each frame counts
HUSH = 2  # bytes of a packet that says no more than that silence follows: RFC 7587, section 3.1.3
MEMORY = 4_000_000  # how long a late packet is remembered
CAPACITY = 100  # packets that may wait
JUMP = CLOCK * 10  # samples; a timestamp this far away belongs to another stream


@dataclass(frozen=True, slots=True)
class Sound:
    """A packet in its turn."""

    payload: bytes
    lost: int = 0  # samples before it that are lost, and of which it may hold a copy


@dataclass(frozen=True, slots=True)
class Lost:
    """So many samples never came, and nothing that follows them did yet."""

    samples: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """So many samples in which nothing was sent."""

    samples: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What a buffer has seen."""

    received: int  # packets
    late: int  # packets that came when they had been given up, or twice
    lost: int  # samples
    quiet: int  # samples


@dataclass(frozen=True, slots=True)
class _Waiting:
    timestamp: int
    samples: int
    payload: bytes
    arrived: int


class Lateness:
    """How much later than the quickest packets the others came, over the last seconds.

    Both ends of what was seen are kept as queues in which a value makes all before it useless that
    are less extreme, so that each is found without a search.
    """

    def __init__(self) -> None:
        self._least: deque[tuple[int, int]] = deque()  # arrival, transit; rising
        self._most: deque[tuple[int, int]] = deque()  # falling

    def note(self, arrival: int, timestamp: int) -> None:
        """Take a packet into account."""
        transit = arrival - _microseconds(timestamp)
        while self._least and self._least[-1][1] >= transit:
            self._least.pop()
        while self._most and self._most[-1][1] <= transit:
            self._most.pop()
        self._least.append((arrival, transit))
        self._most.append((arrival, transit))
        for seen in (self._least, self._most):
            while seen[0][0] < arrival - MEMORY:
                seen.popleft()

    def due(self, timestamp: int) -> int:
        """When a packet would come if it were among the quickest."""
        return _microseconds(timestamp) + self._least[0][1]

    @property
    def worst(self) -> int:
        """How much later than the quickest the slowest came."""
        return self._most[0][1] - self._least[0][1] if self._most else 0


class JitterBuffer:
    """One stream of one caller."""

    def __init__(self) -> None:
        self._lateness = Lateness()
        self._waiting: dict[int, _Waiting] = {}  # by sequence number, counted on beyond 16 bits
        self._given_up: deque[int] = deque(maxlen=CAPACITY)  # numbers of what may still come
        self._next: int | None = None  # number of the packet that is to be given next
        self._timestamp = 0  # where it begins, counted on beyond 32 bits
        self._told = 0  # the time up to which sound was given
        self._stalled = False  # nothing comes, and silence is told
        self._hushed = 0  # since when, where the sender said that nothing would come
        self._received = self._late = self._lost = self._quiet = 0

    # ------------------------------------------------------------ in

    def push(self, sequence: int, timestamp: int, samples: int, payload: bytes, now: int) -> None:
        """A packet has come."""
        self._received += 1
        if self._next is None:
            self._begin(sequence, timestamp, now)
        assert self._next is not None
        number = _counted_on(sequence, self._next, 16)
        place = _counted_on(timestamp, self._timestamp, 32)
        if abs(place - self._timestamp) > JUMP or abs(number - self._next) > 10 * CAPACITY:
            self._begin(sequence, timestamp, now)
            number, place = sequence, timestamp
        if number < self._next or number in self._waiting:
            self._late += 1
            self._regret(number, place, now)
            return
        self._lateness.note(now, place)
        self._waiting[number] = _Waiting(place, samples, payload, now)

    def _regret(self, number: int, timestamp: int, now: int) -> None:
        """What was given up has come: with more patience it would have been heard."""
        if number in self._given_up:
            self._given_up.remove(number)
            if now <= self._lateness.due(timestamp) + MOST:
                self._lateness.note(now, timestamp)

    def _begin(self, sequence: int, timestamp: int, now: int) -> None:
        self._lateness = Lateness()
        self._waiting.clear()
        self._given_up.clear()
        self._next, self._timestamp = sequence, timestamp
        self._told, self._stalled, self._hushed = now, False, 0

    # ------------------------------------------------------------ out

    def take(self, now: int) -> Iterator[Sound | Lost | Quiet]:
        """All that is due by now, in order."""
        while self._waiting:
            if self._next in self._waiting:
                yield from self._give(self._next, now)
            elif now >= self._patience_ends():
                yield from self._give(min(self._waiting), now)
            else:
                return
        if self._next is not None and now >= self._silent_at():
            yield from self._tell_silence(now)

    def _give(self, number: int, now: int) -> Iterator[Sound | Quiet]:
        packet = self._waiting.pop(number)
        assert self._next is not None
        missing, gap = number - self._next, max(0, packet.timestamp - self._timestamp)
        lost = min(gap, missing * max(FRAME, packet.samples))
        if gap > lost:  # no packet is missing for this: the sender was silent
            self._quiet += gap - lost
            yield Quiet(gap - lost)
        self._lost += lost
        self._given_up.extend(range(max(self._next, number - CAPACITY), number))
        yield Sound(packet.payload, lost)
        self._next = number + 1
        self._timestamp = packet.timestamp + packet.samples
        self._told, self._stalled = now, len(packet.payload) <= HUSH
        self._hushed = now if self._stalled else 0

    def _tell_silence(self, now: int) -> Iterator[Lost | Quiet]:
        """Nothing comes: at first that is taken for a loss, then for silence.

        What comes late after all is still taken, in its order: too late is better than never.
        """
        samples = (now - self._told) * CLOCK // 1_000_000 // FRAME * FRAME
        self._timestamp += samples
        self._told += _microseconds(samples)
        if not self._stalled:
            self._stalled = True
            self._lost += 3 * FRAME
            samples -= 3 * FRAME
            yield Lost(3 * FRAME)
        self._quiet += samples
        yield Quiet(samples)

    # ------------------------------------------------------------ time

    @property
    def patience(self) -> int:
        """How long a hole may hold up what follows it, in microseconds."""
        return min(MOST, max(LEAST, self._lateness.worst + MARGIN))

    def _patience_ends(self) -> int:
        """When what is missing is given up: then it would be later than any other has been."""
        if len(self._waiting) >= CAPACITY:
            return 0
        first = self._waiting[min(self._waiting)]
        return min(self._lateness.due(self._timestamp), first.arrived) + self.patience

    @property
    def deadline(self) -> int | None:
        """When to ask again although no packet came."""
        if self._next is None:
            return None
        if self._waiting:
            return self._patience_ends()
        return self._silent_at()

    def _silent_at(self) -> int:
        """When silence is to be told, if nothing comes before."""
        if not self._stalled:
            return self._told + STALL
        new = self._hushed and self._told - self._hushed < NEW
        return self._told + (_microseconds(FRAME) if new else SILENCE)

    def statistics(self) -> Figures:
        """What has been seen so far."""
        return Figures(self._received, self._late, self._lost, self._quiet)


def _counted_on(value: int, near: int, bits: int) -> int:
    """A number that wraps around, as the one that lies nearest to another."""
    half = 1 << (bits - 1)
    return near + (value - near + half) % (1 << bits) - half


def _microseconds(samples: int) -> int:
    return samples * 1_000_000 // CLOCK
