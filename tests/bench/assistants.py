"""What a piece of audio costs on its way to and from a model, beside the `openai` SDK's own parse.

Run by itself: `python -m tests.bench.assistants`.
"""

from __future__ import annotations

import base64
import json
import statistics
import time
from collections.abc import Callable
from typing import Annotated, Any

from openai._models import construct_type_unchecked
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import Field, TypeAdapter

from audio.format import pcm16
from gateway.assistants.realtime import Realtime
from gateway.call.effects import SendAudio

FRAME = bytes(range(240)) * 4  # 20 ms at 24 kHz
DELTA = json.dumps(
    {
        "type": "response.output_audio.delta",
        "event_id": "event_0123456789",
        "response_id": "resp_0123456789",
        "item_id": "item_0123456789",
        "output_index": 0,
        "content_index": 0,
        "delta": base64.b64encode(FRAME * 10).decode(),  # 200 ms, a usual piece
    }
).encode()


def microseconds(work: Callable[[], object], times: int = 2_000, rounds: int = 7) -> float:
    """The median over rounds of the mean cost of one call."""
    means = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(times):
            work()
        means.append((time.perf_counter() - start) / times * 1e6)
    return statistics.median(means)


def bench() -> dict[str, float]:
    """Microseconds for each way, and how many times ours the others cost, all in one run."""
    wide, narrow = Realtime(pcm16(24_000)), Realtime(pcm16(8_000))
    union: Any = RealtimeServerEvent
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[union, Field(discriminator="type")])

    def sdk() -> bytes:
        event: Any = construct_type_unchecked(value=json.loads(DELTA), type_=union)
        return base64.b64decode(event.delta)

    def validated() -> bytes:
        event = adapter.validate_json(DELTA)
        return base64.b64decode(event.delta)

    frame, short = SendAudio(FRAME), SendAudio(FRAME[:320])
    ours = microseconds(lambda: wide.decode(DELTA))
    by_sdk, by_pydantic = microseconds(sdk, 200), microseconds(validated, 200)
    return {
        "append, 20 ms PCM at 24 kHz (µs)": microseconds(lambda: wide.encode(frame)),
        "append, 20 ms mu-law at 8 kHz (µs)": microseconds(lambda: narrow.encode(short)),
        "audio delta of 200 ms, ours (µs)": ours,
        "audio delta of 200 ms, SDK's parse_event and base64 (µs)": by_sdk,
        "audio delta of 200 ms, validated by pydantic and base64 (µs)": by_pydantic,
        "SDK / ours": by_sdk / ours,
        "pydantic / ours": by_pydantic / ours,
    }


if __name__ == "__main__":
    for name, value in bench().items():
        print(f"{value:10.2f}  {name}")
