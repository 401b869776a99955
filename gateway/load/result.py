"""Result: a load test as plain figures, for JSON and for the report."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from typing import Any

from gateway.load.figures import Measure, percentile
from gateway.load.run import Stage, Test
from gateway.version import version

Json = dict[str, Any]

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
LEAST = 2.0  # seconds between two points of a plot
POINTS = 120  # of a plot, at most
SHOWN: tuple[Measure, ...] = ("up", "down", "voice_to_voice", "barge_in")


def result(test: Test) -> Json:
    """Everything that is to be told. Milliseconds, cores, megabytes."""
    wanted = test.wanted
    return {
        "version": version(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "test": {
            "target": wanted.target.url if wanted.target else "a gateway of its own",
            "protocol": wanted.protocol,
            "workers": wanted.workers if not wanted.target else None,
            "scripted_model": wanted.model is not None,
            "speech": [path.name for path in wanted.speech],
            "seconds": wanted.seconds,
            "per_second": wanted.per_second,
            "think": wanted.behaviour.think,
            "barge_in": wanted.behaviour.barge_in,
            "answer": wanted.script.answer if wanted.model is not None else None,
            "model_ms": wanted.script.think * 1000 if wanted.model is not None else None,
            "limits": {
                "added_ms": wanted.limits.added_ms,
                "loss": wanted.limits.loss,
                "missed": wanted.limits.missed,
            },
        },
        "cut": test.cut,
        "well": is_well(test),
        "holds": test.holds if wanted.find else None,
        "stages": [stage_of(one) for one in test.stages],
        "failures": [
            {"cause": cause, "detail": detail, "count": count}
            for (cause, detail), count in test.figures.failures.most_common()
        ],
        "hints": hints(test),
        "series": series(test),
    }


def is_well(test: Test) -> bool:
    """Whether what was asked for was shown: the calls went well, or it is known how many do."""
    if test.wanted.find:
        return test.holds > 0
    return bool(test.stages) and not test.stages[-1].faults and not test.cut


def stage_of(stage: Stage) -> Json:
    """One stage's figures."""
    summary, used = stage.summary, stage.used
    per_call = stage.cpu_per_call and stage.cpu_per_call * 100
    return {
        "calls": stage.calls,
        "live": summary.calls,  # at its end
        "seconds": round(stage.end - stage.begin, 1),
        **{name: latency(values) for name, values in summary.latencies.items()},
        "loss": _rounded(summary.loss, 6),
        "questions": summary.questions,
        "missed": summary.missed,
        "failed": summary.failed,
        "uncut": summary.uncut,
        "cpu_cores": _rounded(used.cpu, 3),
        "cpu_percent_per_call": _rounded(per_call, 2),
        "memory_mb": _rounded(used.memory and used.memory / 1e6, 1),
        "loop_lag_ms": _rounded(used.lag and used.lag * 1000, 1),
        "faults": stage.faults,
        "doubt": stage.doubt,
    }


def latency(values: Sequence[float]) -> Json:
    """Percentiles in milliseconds; of nothing there are none."""
    found = {
        name: round(percentile(values, share) * 1000, 2) if values else None
        for name, share in SHARES.items()
    }
    return {"count": len(values), **found}


def hints(test: Test) -> list[str]:
    """What whoever ran the test is to know beside the figures."""
    found = [*dict.fromkeys(stage.doubt for stage in test.stages if stage.doubt)]
    wanted, figures = test.wanted, test.figures
    answered = wanted.target is not None and figures.placed > 0
    if test.missed_model:
        found.append(
            "have the gateway's [assistant] base_url name the address that --model listens on; two"
            " load tests at once cannot both be its model"
        )
    if answered and wanted.model is None:
        found.append("the gateway's own model answered: what the gateway adds cannot be told apart")
    if test.unseen:
        found.append(test.unseen)
    if test.said:
        found.append("the gateway said: " + "; ".join(dict.fromkeys(test.said)))
    return found


def series(test: Test) -> Json:
    """What happened over time, in equal steps; nothing (null) where nothing was measured."""
    end = test.ended or time.monotonic()
    step = max(LEAST, (end - test.began) / POINTS)
    edges = [test.began + step * number for number in range(int((end - test.began) / step) + 1)]
    spans = list(zip(edges, [*edges[1:], end + 1], strict=True))
    out: Json = {"step": round(step, 3), "seconds": [round(at - test.began, 1) for at in edges]}
    for name in SHOWN:
        parts = [test.figures.series[name].between(*span) for span in spans]
        for share in ("p50", "p95", "p99"):
            out[f"{name}_{share}"] = [
                round(percentile(part, SHARES[share]) * 1000, 2) if part else None for part in parts
            ]
    out["calls"] = [_last(test.figures.calls.between(0, to)) for _, to in spans]
    out |= _costs(test, spans)
    return out


def _costs(test: Test, spans: Sequence[tuple[float, float]]) -> Json:
    out: Json = {"cpu_percent": [], "memory_mb": [], "loop_lag_ms": []}
    rates = [
        (later.at, (later.cpu - sooner.cpu) / (later.at - sooner.at) * 100)
        for sooner, later in zip(test.costs, test.costs[1:], strict=False)
        if sooner.cpu is not None and later.cpu is not None and later.at > sooner.at
    ]
    for begin, end in spans:
        within = [one for one in test.costs if begin <= one.at < end]
        cpu = [rate for at, rate in rates if begin <= at < end]
        memory = [one.memory / 1e6 for one in within if one.memory is not None]
        lag = [one.lag * 1000 for one in within if one.lag is not None]
        for name, values in (("cpu_percent", cpu), ("memory_mb", memory), ("loop_lag_ms", lag)):
            out[name].append(round(max(values), 2) if values else None)
    return out


def _last(values: Sequence[float]) -> int:
    return int(values[-1]) if values else 0


def _rounded(value: float | None, digits: int) -> float | None:
    return round(value, digits) if value is not None else None
