"""A recording of real speech, heard by real ears: the numbers in it are not understood."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from audio.floats import from_float
from audio.resample import convert
from gateway.call import events as on
from gateway.call.plan import Plan
from gateway.embedded.assemble import assemble
from gateway.embedded.parts import MOUTH_RATE
from gateway.redaction.detect import ALL, NOTHING, suspicious
from gateway.taps.recording import Recording
from tests.taps.test_recording import Sounding

RATE = 16_000
CARD = "My card is four one one one, one one one one, one one one one, one one one one."
THANKS = "Thank you very much for your help."


class Speaking(Sounding):
    """A story in which the caller speaks for real."""

    turns: list[tuple[int, int]]  # samples

    def hears(self, number: int, pcm: bytes, recognised: str) -> None:
        began = self.now * RATE // 1_000_000
        self.turns.append((began, began + len(pcm) // 2))
        for at in range(0, len(pcm) - 639, 640):
            self.wait(20)
            self.feed(on.CallerAudio(pcm[at : at + 640], True))
        for _ in range(40):
            self.wait(20)
            self.feed(on.CallerAudio(bytes(640), False))
        self.feed(on.TurnCommitted(f"item_{number}"))
        self.feed(on.CallerWords(f"item_{number}", recognised, final=True))
        self.answers(600, "All right.", item=f"a{number}", response=f"resp_{number}")
        for _ in range(100):
            self.wait(20)
            self.feed(on.CallerAudio(bytes(640), False))


@pytest.mark.models
async def test_numbers_that_were_spoken_are_not_understood_in_the_recording(tmp_path: Path) -> None:
    plan = Plan(rate=RATE)
    covered, plain = (tmp_path / name for name in ("covered.wav", "plain.wav"))
    story = Speaking(Recording(covered, plan, ALL), Recording(plain, plan, NOTHING), plan=plan)
    story.turns = []
    async with assemble() as assistant:
        for number, text in enumerate((CARD, THANKS)):
            spoken = b"".join([piece async for piece in assistant.mouth.speak(text)])
            pcm = convert(spoken, MOUTH_RATE, RATE)
            story.hears(number, pcm, await assistant.ears.transcribe(pcm))
        story.close()

        async def understood(path: Path) -> list[str]:
            sound, rate = soundfile.read(path, dtype="float32")
            assert rate == RATE
            pieces = [sound[start:end, 0] for start, end in story.turns]
            return [await assistant.ears.transcribe(from_float(one)) for one in pieces]

        before, after = await understood(plain), await understood(covered)
    assert suspicious(before[0], 16)
    assert not suspicious(after[0], 2), after
    assert "thank" in after[1].lower()
