"""Verdict: whether a stretch of a load test went well, and why not."""

from __future__ import annotations

import msgspec

from gateway.load.figures import Summary, percentile


class Limits(msgspec.Struct, frozen=True):
    """What still counts as well."""

    added_ms: float = 50.0  # 99th percentile, of the slower direction
    loss: float = 0.001  # share of the sound that does not come through
    missed: float = 0.01  # share of the questions that nobody answers in time


CROWDED = 0.25  # of the machine: other work that takes more of it is felt
TESTER = 0.5  # of the limit: a tester that is so late itself proves nothing


def faults(summary: Summary, limits: Limits, wanted: int) -> list[str]:
    """What was not as it should be; nothing where all was."""
    found = []
    if summary.failed:
        found.append(f"{summary.failed} {'call' if summary.failed == 1 else 'calls'} failed")
    if summary.calls < wanted - summary.failed:
        found.append(f"{wanted - summary.calls} of {wanted} calls were not there")
    if (added := (summary.added or 0.0) * 1000) > limits.added_ms:
        found.append(f"added latency p99 {added:.1f} ms, and the limit is {limits.added_ms:g} ms")
    if (loss := summary.loss or 0.0) > limits.loss:
        found.append(f"{loss:.2%} of the sound was lost, and the limit is {limits.loss:.2%}")
    if summary.questions and summary.missed > limits.missed * summary.questions:
        found.append(f"{summary.missed} of {summary.questions} questions got no answer in time")
    if not summary.questions:
        found.append("nobody got a word in")
    elif not summary.latencies["voice_to_voice"]:
        found.append("nobody got an answer")
    return found


def tester_late(summary: Summary, limits: Limits) -> str:
    """Why the figures say as much of the tester as of the gateway; empty where they do not."""
    late = percentile(summary.latencies["tester"], 0.99) * 1000
    if late <= TESTER * limits.added_ms:
        return ""
    return (
        f"the tester itself ran late (p99 {late:.1f} ms), so that latencies are overstated: give"
        " it more cores, or have callers come from another machine"
    )


def crowded(share: float) -> str:
    """Why the figures say as much of the machine as of the gateway; empty where they do not."""
    if share <= CROWDED:
        return ""
    return f"other work took {share:.0%} of this machine meanwhile; a quiet one may do better"
