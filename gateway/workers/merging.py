"""Merging: the figures of several workers as one page, as if one process had counted all of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$")
HIGHEST = frozenset({"trunkline_loop_lag_seconds", "trunkline_store_away"})  # the worst counts
COUNTED = frozenset({"counter", "histogram"})  # these outlive the worker that counted
GROWING = frozenset(  # so do these, which are read off something that counts
    f"trunkline_{name}"
    for name in ("calls_refused", "cpu_seconds", "store_lost_rows", "store_refused_rows")
)


class Page:
    """Families in the order in which they were met, each with its lines of help and its samples."""

    def __init__(self) -> None:
        self._heads: dict[str, list[str]] = {}
        self._kinds: dict[str, str] = {}
        self._samples: dict[str, dict[str, float]] = {}

    def add(self, text: str, *, gone: bool = False) -> None:
        """A worker's page; of one that is `gone` only what it counted."""
        family = ""
        for line in text.splitlines():
            if line.startswith("# "):
                family = self._head(line)
            elif (found := SAMPLE.match(line)) is not None:
                name, labels, value = found.group(1), found.group(2) or "", float(found.group(3))
                if not gone or name in GROWING or self._kinds.get(family) in COUNTED:
                    self._count(family or name, name, labels, value)

    def text(self) -> str:
        """All of it."""
        lines: list[str] = []
        for family, samples in self._samples.items():
            lines += self._heads.get(family, [])
            lines += [f"{name} {_written(value)}" for name, value in samples.items()]
        return "\n".join([*lines, ""])

    def _head(self, line: str) -> str:
        _, what, family, *rest = line.split(" ", 3)
        heads = self._heads.setdefault(family, [])
        if line not in heads:
            heads.append(line)
        if what == "TYPE":
            self._kinds[family] = rest[0] if rest else ""
        return family

    def _count(self, family: str, name: str, labels: str, value: float) -> None:
        samples = self._samples.setdefault(family, {})
        before = samples.get(name + labels)
        if before is None:
            samples[name + labels] = value
        elif name.endswith("_created"):
            samples[name + labels] = min(before, value)
        else:
            worst = name in HIGHEST
            samples[name + labels] = max(before, value) if worst else before + value


def merged(pages: Iterable[str], gone: Iterable[str] = ()) -> str:
    """One page of many; `gone`: of workers that live no more."""
    page = Page()
    for text in pages:
        page.add(text)
    for text in gone:
        page.add(text, gone=True)
    return page.text()


def _written(value: float) -> str:
    return repr(value)
