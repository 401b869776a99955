"""Plots: lines over time as SVG that stands in a page by itself: its colours are the page's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 30
TICKS = 4
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)

Values = Sequence[float | None]
Axis = Callable[[float], float]  # where on the picture a value is


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, the class that gives it its colour, and where it goes."""

    name: str
    style: str
    values: Values


def plot(title: str, unit: str, seconds: Sequence[float], lines: Sequence[Line]) -> str:
    """A figure with its legend; says so where nothing was measured."""
    known = [value for line in lines for value in line.values if value is not None]
    head = f"<h3>{escape(title)} <small>{escape(unit)}</small></h3>"
    if not known:
        return f'<figure>{head}<p class="none">not measured</p></figure>'
    top, step = _scale(max(known))
    last = max(seconds[-1], 1.0)

    def x(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * at / last

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top

    parts = [_grid(top, step, y), _times(last, x)]
    parts += [_path(line, seconds, x, y) for line in lines]
    parts.append(_hints(seconds, lines, unit, x))
    legend = "".join(f'<li class="{line.style}">{escape(line.name)}</li>' for line in lines)
    listed = f"<ul>{legend}</ul>" if len(lines) > 1 else ""
    box = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
    return f"<figure>{head}{listed}{box}{''.join(parts)}</svg></figure>"


def _scale(highest: float) -> tuple[float, float]:
    """The top of the axis, and the step between its lines."""
    rough = max(highest, 1e-9) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in STEPS if power * one >= rough * 0.999)
    return step * max(1, math.ceil(highest / step * 0.999)), step


def _grid(top: float, step: float, y: Axis) -> str:
    out = []
    for number in range(round(top / step) + 1):
        value = number * step
        at = y(value)
        out.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        )
        out.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" class="end">{value:g}</text>')
    return "".join(out)


def _times(last: float, x: Axis) -> str:
    step = next((one for one in TIMES if last / one <= 7), TIMES[-1])
    out = []
    for at in range(0, int(last) + 1, step):
        said = f"{at} s" if last < 180 else f"{at / 60:g} min"
        style = "mid" if at else "begin"
        out.append(f'<text x="{x(at):.1f}" y="{HEIGHT - 8}" class="{style}">{said}</text>')
    return "".join(out)


def _path(line: Line, seconds: Sequence[float], x: Axis, y: Axis) -> str:
    """Broken where nothing was measured; a single value between two gaps is a dot."""
    out, pen = [], "M"
    alone: list[str] = []
    values = [*line.values, None]
    for number, at in enumerate(seconds):
        value = values[number]
        if value is None:
            pen = "M"
            continue
        out.append(f"{pen}{x(at):.1f} {y(value):.1f}")
        if pen == "M" and values[number + 1] is None:
            alone.append(
                f'<circle class="{line.style}" cx="{x(at):.1f}" cy="{y(value):.1f}" r="2"/>'
            )
        pen = "L"
    return f'<path class="{line.style}" d="{"".join(out)}"/>{"".join(alone)}'


def _hints(seconds: Sequence[float], lines: Sequence[Line], unit: str, x: Axis) -> str:
    """A strip for each step, that says its values to whoever points at it."""
    wide = x(seconds[1]) - x(seconds[0]) if len(seconds) > 1 else WIDTH - LEFT - RIGHT
    out = []
    for number, at in enumerate(seconds):
        said = [
            f"{line.name} {line.values[number]:g} {unit}"
            for line in lines
            if line.values[number] is not None
        ]
        if said:
            text = escape(f"{at:g} s: " + ", ".join(said))
            out.append(
                f'<rect class="hint" x="{x(at) - wide / 2:.1f}" y="{TOP}" width="{wide:.1f}" '
                f'height="{HEIGHT - TOP - BOTTOM}"><title>{text}</title></rect>'
            )
    return "".join(out)
