"""The journals that ship replay to the same orders: the core decides today as it did then."""

from __future__ import annotations

import pytest

from gateway.files import samples_dir
from gateway.replay import Replay

JOURNALS = sorted((samples_dir() / "journals").glob("*.jsonl"))


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_a_golden_journal_replays_to_the_same_orders(path: object) -> None:
    """Where this fails and the change is meant: play the script again with taps.journal set."""
    replay = Replay(path)  # type: ignore[arg-type]
    assert list(replay.differences()) == []
    assert replay.events > 500
