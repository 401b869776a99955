"""What a call's journal says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Calls:
    """The journals of a folder, each as a list of its lines."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def settings(self) -> dict[str, str]:
        """What has a gateway keep them there, with the numbers that were dialled and pressed."""
        return {
            "TRUNKLINE_TAPS__JOURNAL": str(self._folder),
            "TRUNKLINE_PRIVACY__REDACT": "[]",
        }

    def all(self) -> list[list[dict[str, Any]]]:
        """Every call that there was, in the order in which they ended."""
        return [
            [json.loads(line) for line in path.read_text().splitlines()]
            for path in sorted(self._folder.glob("*.jsonl"), key=lambda one: one.stat().st_mtime_ns)
        ]

    def only(self) -> list[dict[str, Any]]:
        """The one call."""
        (call,) = self.all()
        return call


def effects(call: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [line for line in call if line.get("effect") in kinds]


def events(call: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [line for line in call if line.get("event") in kinds]


def cuts(call: list[dict[str, Any]]) -> list[float]:
    """Seconds after which the assistant was told that the caller stopped hearing an answer."""
    rate = call[0]["plan"]["rate"]
    played = {line["item_id"] for line in effects(call, "Play")}
    return [
        line.get("heard", 0) / rate
        for line in effects(call, "Truncate", "Delete")
        if line["item_id"] in played
    ]
