"""The settings as a commented trunkline.toml; run as a module it prints the example."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

from gateway.section import Section, is_tables
from gateway.settings import FILE, Settings, to_toml

WIDTH = 100


def render(settings: Settings) -> str:
    """Every key with its meaning; a default is commented out, a secret is empty."""
    head = (
        f"# Every setting of Trunkline with its default. Copy this file to {FILE} and change what\n"
        "# you need. A variable beats the file: TRUNKLINE_SERVER__PORT=9000 is port of [server].\n"
    )
    return head + "".join(_section(settings, ()))


def _section(section: Section, path: tuple[str, ...]) -> Iterator[str]:
    if path:
        yield f"\n# {type(section).__doc__}\n[{'.'.join(path)}]\n"
    inner, tables = [], []
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            inner.append((value, (*path, name)))
            continue
        if is_tables(info.examples):
            tables.append(info)
            continue
        yield _commented(info.description or "")
        mark = "#" if value == info.default else ""
        example = f"  # for example {to_toml(info.examples[0])}" if info.examples else ""
        yield f"\n{mark}{name} = {to_toml(value)}{example}\n"
    for below, where in inner:
        yield from _section(below, where)
    for info in tables:
        examples = info.examples or []
        yield "\n" + _commented(info.description or "")
        yield from (f"\n# {line}".rstrip(" ") for line in str(examples[0]).splitlines())
        yield "\n"


def _commented(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ")


if __name__ == "__main__":
    sys.stdout.write(render(Settings()))
