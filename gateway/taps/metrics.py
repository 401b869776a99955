"""Metrics: what operators watch, in Prometheus' format, summed over all calls of the process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily

from gateway.call.dictation import Dictation
from gateway.call.effects import (
    ClearInput,
    Commit,
    Dial,
    Effect,
    End,
    Flush,
    Guarded,
    Play,
    RunTool,
    SendAudio,
    ShowLatency,
    ShowNotice,
    ShowRefusal,
    ShowSavings,
    Use,
)
from gateway.call.events import (
    AssistantLost,
    AudioRefused,
    CallerLeft,
    CallerWords,
    Event,
    ResponseEnded,
    SpeechStarted,
    SpeechStopped,
    ToolFinished,
    ToolsChanged,
)
from gateway.call.plan import Plan
from gateway.call.prices import NANO
from gateway.call.tariff import Tariff

CLAIM_BUCKETS = (0.0001, 0.001, 0.005, 0.02, 0.1, 0.5, 2.5)
LATENCY_BUCKETS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


# How legs and the call name it when what they hold for somebody is too much.
NOT_READING, SERVER_NOT_READING = "does not read", "not_reading"
FULL = {  # by the code of what the caller is told
    "answer_too_long": "playback",
    "speech_not_kept": "speech",
    "too_many_in_flight": "requests",
}


LOOKED_AT = frozenset(
    {AssistantLost, AudioRefused, CallerLeft, ResponseEnded, ToolFinished, ToolsChanged}
    | {Dial, End, Flush, Guarded, Play, RunTool, ShowLatency, ShowNotice, ShowRefusal}
    | {ShowSavings, Use}
)
DICTATED = frozenset({CallerWords, ClearInput, Commit, SendAudio, SpeechStarted, SpeechStopped})
BOTH = LOOKED_AT | DICTATED


TOKENS = (
    *("input_text", "input_audio", "cached_text", "cached_audio"),
    *("output_text", "output_audio"),
)


class Sum:
    """What grows many times a second: its counter is told of it when somebody looks."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._told = 0.0
        self.total = 0.0

    def tell(self) -> None:
        """Let the counter be what it comes to."""
        total = self.total
        self._counter.inc(total - self._told)
        self._told = total


class Tally:
    """What somebody else counts: a counter that is as it is whenever somebody looks."""

    def __init__(self, name: str, about: str, read: Callable[[], float]) -> None:
        self._name, self._about, self._read = name, about, read

    def collect(self) -> Iterable[CounterMetricFamily]:
        """As a registry asks for it."""
        yield CounterMetricFamily(self._name, self._about, value=self._read())


class Backlog(Protocol):
    """What waits for the database, and what did not reach it."""

    @property
    def waiting(self) -> int: ...
    @property
    def spilled(self) -> int: ...
    @property
    def lost(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def away(self) -> bool: ...


class Metrics:
    """The registry of one gateway; makes a tap for each call."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.retold: Callable[[bytes], bytes] = bytes  # a page, as it is to be told
        self._sums: list[Sum] = []

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"trunkline_{name}", about, labels, registry=registry)

        self.live = Gauge("trunkline_calls_live", "Calls at this moment", registry=registry)
        self.latency = Histogram(
            "trunkline_voice_to_voice_seconds",
            "From the end of the caller's speech to the first sound of the answer",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.claim = Histogram(
            "trunkline_budget_claim_seconds",
            "What it takes to set money aside from a budget that calls share",
            buckets=CLAIM_BUCKETS,
            registry=registry,
        ).observe
        self.calls = counter("calls", "Calls that have ended")
        audio = counter("caller_audio_seconds", "The caller's audio: heard, sent on", "way")
        self.heard, self.sent = (self._often(audio.labels(way)) for way in ("heard", "sent"))
        self.bytes_saved = self._often(counter("saved_bytes", "Bytes that trimming saved"))
        self.tokens_saved = self._often(counter("saved_tokens", "Tokens that trimming saved"))
        self.money_saved = self._often(counter("saved_usd", "US dollars that trimming saved"))
        self.played = self._often(counter("played_seconds", "Audio sent to callers"))
        self.interruptions = counter("interruptions", "Times a caller cut in")
        self.responses = counter("responses", "Answers by status", "status")
        tokens = counter("tokens", "Tokens used, as billed", "kind")
        self.tokens = {kind: self._often(tokens.labels(kind)) for kind in TOKENS}
        self.cost = self._often(
            counter("cost_usd", "US dollars that answers, transcription and tools cost")
        )
        self.tools = counter("tool_calls", "Tool calls by outcome", "status")
        self.notices = counter("notices", "Troubles by their code", "code")
        self.taken_over = counter("taken_over", "Calls that went on with another session", "model")
        self.guarded = counter("guarded", "Rules that were broken", "rule", "place", "action")
        self.overflows = counter("overflows", "Queues that were full, by name", "queue")

    def _often(self, counter: Counter) -> Sum:
        self._sums.append(Sum(counter))
        return self._sums[-1]

    def tap(self, plan: Plan) -> CallMetrics:
        """The tap of one call."""
        return CallMetrics(self, plan)

    def watch(self, figures: Callable[[], Backlog]) -> None:
        """Show also what waits to be written into the books."""
        for name, about, read in (
            ("waiting_rows", "Rows in memory for the books", lambda: figures().waiting),
            ("spilled_bytes", "Rows on disk for the books", lambda: figures().spilled),
            ("away", "Whether the database is away", lambda: figures().away),
        ):
            self.gauge(f"store_{name}", about, read)
        self.tally("store_lost_rows", "Rows that found no room", lambda: figures().lost)
        about = "Rows that the database would not have"
        self.tally("store_refused_rows", about, lambda: figures().refused)

    def gauge(self, name: str, about: str, read: Callable[[], float]) -> None:
        """Show a figure as it is whenever somebody looks."""
        Gauge(f"trunkline_{name}", about, registry=self.registry).set_function(read)

    def tally(self, name: str, about: str, read: Callable[[], float]) -> None:
        """Show what only grows, as it is whenever somebody looks."""
        self.registry.register(Tally(f"trunkline_{name}", about, read))

    def page(self) -> bytes:
        """The text that `/metrics` serves."""
        for one in self._sums:
            one.tell()
        return self.retold(generate_latest(self.registry))


class CallMetrics:
    """The tap: counts one call into the gateway's metrics."""

    kinds = LOOKED_AT

    def __init__(self, metrics: Metrics, plan: Plan) -> None:
        self._all = metrics
        self._plan = plan
        self._saved = ShowSavings(0, 0, 0, 0, 0.0)
        self._second = plan.rate * plan.format.width  # bytes
        self._tariff = Tariff(plan)
        self._dictation = Dictation(plan)
        if any(one.prices.transcription for one in (plan.billed, *plan.stand_ins)):
            self.kinds = BOTH  # or it is not disturbed by each frame that is sent
        metrics.live.inc()

    def event(self, event: Event, now: int) -> None:
        """Count what the model and the tools report."""
        match event:
            case ResponseEnded(status=status, usage=usage):
                self._all.responses.labels(status).inc()
                for kind, used in self._all.tokens.items():
                    used.total += getattr(usage, kind)
                self._all.cost.total += self._tariff.prices.cost(usage) / NANO
            case ToolsChanged():
                self._tariff.see(event)
            case ToolFinished(failed=failed):
                self._all.tools.labels("failed" if failed else "done").inc()
            case CallerLeft(reason=reason) if reason == NOT_READING:
                self._all.overflows.labels("caller").inc()
            case AssistantLost(code=code) if code == SERVER_NOT_READING:
                self._all.overflows.labels("assistant").inc()
            case AudioRefused():
                self._all.overflows.labels("caller_audio").inc()
            case CallerWords() | SpeechStarted() | SpeechStopped():
                spoken = self._dictation.event(event)
                self._all.cost.total += self._tariff.prices.dictation(spoken) / NANO

    def effect(self, effect: Effect, now: int) -> None:
        """Count what the call orders."""
        match effect:
            case SendAudio() | Commit() | ClearInput():
                self._dictation.effect(effect)
            case Play(pcm=pcm):
                self._all.played.total += len(pcm) / self._second
            case ShowLatency(voice_to_voice=latency):
                self._all.latency.observe(latency / 1_000_000)
            case ShowSavings():
                self._save(effect)
            case Flush():
                self._all.interruptions.inc()
            case ShowRefusal(code=code) if code in FULL:
                self._all.overflows.labels(FULL[code]).inc()
            case RunTool():
                self._all.tools.labels("started").inc()
                self._all.cost.total += self._tariff.tool(effect) / NANO
            case Dial():
                self._tariff.see(effect)
            case Use():
                self._tariff.see(effect)
                self._all.taken_over.labels(self._tariff.billed.model).inc()
            case ShowNotice(code=code):
                self._all.notices.labels(code).inc()
                if code in FULL:
                    self._all.overflows.labels(FULL[code]).inc()
            case Guarded(rule=rule, place=place, action=action):
                self._all.guarded.labels(rule, place, action).inc()
            case End():
                self._all.calls.inc()

    def _save(self, now: ShowSavings) -> None:
        """Savings come as totals of the call; what is new since the last is added."""
        before, self._saved = self._saved, now
        self._all.heard.total += (now.heard - before.heard) / self._plan.rate
        self._all.sent.total += (now.sent - before.sent) / self._plan.rate
        self._all.bytes_saved.total += max(0, now.bytes_saved - before.bytes_saved)
        self._all.tokens_saved.total += max(0, now.tokens_saved - before.tokens_saved)
        self._all.money_saved.total += max(0.0, now.money_saved - before.money_saved)

    def close(self) -> None:
        """The call is over."""
        self._all.live.dec()
