"""From the end of a caller's speech to the first sound of the answer, with the embedded assistant.

The gateway runs in a process of its own with its embedded assistant; callers speak the human
samples. The end of speech is the last loud sample of the recording, not what any detector says.
"""

from __future__ import annotations

import asyncio
import statistics

import numpy as np

from audio import wav
from audio.pcm import silence
from gateway.files import samples_dir
from tests.bench.line import FRAME, call, cpu_seconds, gateway, percentile

AT_ONCE = 6
LOUD = 10 ** (-35 / 20)  # of the loudest window: below it, it is no speech any more


def clips() -> list[bytes]:
    """The human samples, each cut where its speech ends."""
    spoken = []
    for path in sorted((samples_dir() / "audio" / "human").glob("*.wav")):
        pcm = wav.read(path, rate=24_000)
        wave = np.frombuffer(pcm, "<i2").astype(np.float64)
        windows = wave[: len(wave) // 240 * 240].reshape(-1, 240)
        levels = np.sqrt((windows**2).mean(axis=1))
        last = int(np.flatnonzero(levels > levels.max() * LOUD)[-1]) + 1
        spoken.append(pcm[: last * 480])
    return spoken


async def converse(address: str, spoken: list[bytes]) -> list[float]:
    """One call that speaks each clip and waits for the answer; seconds until it was heard."""
    latencies = []
    async with call(address) as line:
        for pcm in spoken:
            padded = pcm + silence(-len(pcm) % FRAME // 2)
            before = len(line.heard)
            ended = await line.speak(padded)
            await line.speak(silence(24_000 * 2))
            await line.wait_quiet()
            later = [at - ended for at, _ in line.heard[before:] if at > ended]
            if later:
                latencies.append(later[0])
    return latencies


async def main() -> None:
    spoken = clips()
    with gateway() as (address, process):
        await converse(address, spoken[:1])
        before = cpu_seconds(process)
        began = asyncio.get_running_loop().time()
        alone = await converse(address, spoken)
        took = asyncio.get_running_loop().time() - began
        core = 100 * (cpu_seconds(process) - before) / took
        print(f"one call: {_shown(alone)} (goal: p50 450, p95 900)")
        memory = process.memory_info().rss / 1e6
        print(f"one call: {core:.1f} % of a core, {memory:.0f} MB (goal: 15 %, 500 MB)")
        async with asyncio.TaskGroup() as group:
            shift = [spoken[n:] + spoken[:n] for n in range(AT_ONCE)]
            tasks = [group.create_task(converse(address, one)) for one in shift]
        together = [latency for task in tasks for latency in task.result()]
        print(f"{AT_ONCE} at once: {_shown(together)} (goal: p95 1000)")
        print(f"{AT_ONCE} at once: {process.memory_info().rss / 1e6:.0f} MB")


def _shown(seconds: list[float]) -> str:
    p50, p95 = 1000 * statistics.median(seconds), 1000 * percentile(seconds, 0.95)
    return f"voice to voice p50 {p50:.0f} ms, p95 {p95:.0f} ms over {len(seconds)} answers"


if __name__ == "__main__":
    asyncio.run(main())
