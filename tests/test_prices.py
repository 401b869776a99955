"""Prices of the operator's own: from their day on they count, and leave what they do not name."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from gateway.assistants.catalogue import load as catalogue
from gateway.call.prices import Rate
from gateway.errors import SettingsError
from gateway.plans.planning import Planner, target_of
from gateway.settings import load

ROWS = """
[assistant]
kind = "compatible"
base_url = "http://there/v1"
model = "mine"
[[budget.prices]]
model = "mine"
since = 2026-12-01
audio = { input = 2.0, output = 3.0 }
text = { input = 1.0 }
[[budget.prices]]
model = "mine"
text = { input = 1.0 }
audio = { input = 1.0, output = 1.0 }
[[budget.prices]]
model = "gpt-realtime-2.1"
audio = { input = 30.0, cached = 0.3, output = 60.0 }
[[budget.prices]]
transcription = "my-writer"
per_minute = 0.5
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trunkline.toml"
    path.write_text(ROWS)
    return path


def test_the_newest_that_holds_counts(file: Path) -> None:
    budget = load(file, {}).budget
    before, after = (budget.own_prices(date(2026, month, 1)) for month in (11, 12))
    mine = catalogue().prices("mine", "", before)
    assert mine.audio == Rate(1000, 0, 1000)
    assert not mine.guessed
    assert catalogue().prices("mine", "", after).audio == Rate(2000, 0, 3000)


def test_what_they_do_not_name_is_as_it_was(file: Path) -> None:
    own = load(file, {}).budget.own_prices(date(2026, 12, 1))
    shipped = catalogue().prices("gpt-realtime-2.1", "")
    mine = catalogue().prices("gpt-realtime-2.1", "my-writer", own)
    assert (mine.text, mine.image) == (shipped.text, shipped.image)
    assert mine.audio == Rate(30_000, 300, 60_000)
    assert mine.transcription == 500_000_000
    assert not mine.guessed
    assert catalogue().prices("mine", "nobody-knows", own).guessed


def test_a_call_counts_by_them_and_the_start_warns_of_what_nobody_knows(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load(file, {})
    planner = Planner(settings, target_of(settings.assistant))
    plan = planner.browser("call", ()).plan
    assert plan.prices.audio.output in (1000, 3000)  # by the day on which this is run
    assert plan.audio_price in (1.0, 2.0)
    planner.warn()
    assert not caplog.records
    other = load(file, {"TRUNKLINE_ASSISTANT__MODEL": "strange"})
    Planner(other, target_of(other.assistant)).warn()
    assert "the price of a model is not known" in caplog.text


@pytest.mark.parametrize(
    "row",
    [
        "per_minute = 1",
        'model = "a"',
        'model = "a"\nper_minute = 1',
        'model = "a"\ntranscription = "b"\nper_minute = 1',
        'transcription = "b"',
        'model = "a"\nsince = "tomorrow"\ntext = { input = 1.0 }',
        'model = "a"\ntext = { input = -1.0 }',
        'model = "a"\ntext = { output_tokens = 1.0 }',
    ],
)
def test_a_price_that_says_nothing_clear_is_refused(tmp_path: Path, row: str) -> None:
    path = tmp_path / "trunkline.toml"
    path.write_text(f"[[budget.prices]]\n{row}\n")
    with pytest.raises(SettingsError, match=r"budget\.prices"):
        load(path, {})


def test_a_time_zone_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"budget\.time_zone"):
        load(None, {"TRUNKLINE_BUDGET__TIME_ZONE": "Mars/Olympus"})
