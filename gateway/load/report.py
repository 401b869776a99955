"""Report: a load test as one page that needs nothing else, also in the dark and on telephones."""

from __future__ import annotations

from html import escape
from typing import Any

from gateway.load.plots import Line, plot

Json = dict[str, Any]

STYLE = """
:root{--back:#fbfbf9;--card:#fff;--ink:#1d2329;--soft:#66707a;--edge:#e2e4e2;--good:#16794a;
--bad:#b3261e;--warn:#8a5a00;--a:#2f6fb3;--b:#d9822b;--c:#b3261e;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--back:#14171a;--card:#1c2125;--ink:#e6e9eb;
--soft:#98a2ab;--edge:#30373d;--good:#5cc58f;--bad:#ff8a80;--warn:#f0b849;--a:#7db3ea;--b:#f2b45a;
--c:#f0719b}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 18px 60px}
h1{font-size:24px;line-height:1.25;margin:0 0 4px}h2{font-size:17px;margin:34px 0 12px}
h3{font-size:14px;margin:0 0 2px}small,.soft{color:var(--soft);font-weight:400}
.verdict{border-left:4px solid var(--good);padding:10px 14px;margin:18px 0;background:var(--card);
border-radius:0 8px 8px 0}.verdict.bad{border-color:var(--bad)}.verdict ul{margin:4px 0 0;
padding-left:18px}.note{color:var(--warn)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(46%,210px),1fr));gap:12px}
.card,figure{background:var(--card);border:1px solid var(--edge);border-radius:10px;
padding:12px 14px;margin:0}
.card b{display:block;font-size:25px;line-height:1.25;font-variant-numeric:tabular-nums}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:14px}
figure svg{width:100%;height:auto;display:block}
figure ul{list-style:none;display:flex;gap:14px;margin:0;padding:0;font-size:12px;
color:var(--soft)}
figure li::before{content:"";display:inline-block;width:14px;height:3px;border-radius:2px;
margin:0 5px 3px 0;background:currentColor}
li.a::before{background:var(--a)}li.b::before{background:var(--b)}li.c::before{background:var(--c)}
path{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
path.a{stroke:var(--a)}path.b{stroke:var(--b)}path.c{stroke:var(--c)}
circle.a{fill:var(--a)}circle.b{fill:var(--b)}circle.c{fill:var(--c)}
.grid{stroke:var(--edge)}svg text{fill:var(--soft);font-size:13px;
font-variant-numeric:tabular-nums}.end{text-anchor:end}.mid{text-anchor:middle}
.hint{fill:transparent}.hint:hover{fill:var(--soft);fill-opacity:.14}
.none{color:var(--soft);margin:18px 0}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--edge);border-radius:10px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:7px 12px;text-align:right;border-bottom:1px solid var(--edge);white-space:nowrap}
tr:last-child td{border-bottom:0}th{color:var(--soft);font-weight:500;font-size:13px}
th:first-child,td:first-child,td.words,th.words{text-align:left}td.words{white-space:normal;
min-width:180px}
.good{color:var(--good)}.bad{color:var(--bad)}
@media print{body{background:#fff}.card,figure,.wide{break-inside:avoid}}
"""
LATENCIES = (
    ("up", "caller → model"),
    ("down", "model → caller"),
    ("voice_to_voice", "voice to voice"),
    ("barge_in", "barge-in"),
    ("detection", "first voice → model"),
    ("setup", "call set up"),
    ("tester", "the tester's own lateness"),
)
ADDED = ("up", "down")
ABOUT = (
    "Added latency is measured per 20 ms frame, from the moment at which the caller wrote it to the"
    " moment at which the model had it (frames spoken after the gateway began to pass a turn on),"
    " and per delta, from the model's write to the caller's first sample of it. Voice to voice:"
    " from the last voice of a question to the first sound of its answer, the wait for silence and"
    " the model's own time included. Barge-in: from the first voice over an answer to its being"
    " taken back, detection included."
)


def page(found: Json) -> str:
    """The page, of what `result` found."""
    stage = _best(found)
    name = f"{stage['calls']} calls" if stage else "no calls"
    title = f"holds {found['holds']} calls" if found["holds"] is not None else name
    body = [
        f"<h1>Load test: {escape(title)}</h1>",
        f'<p class="soft">{escape(_where(found))}</p>',
        _verdict(found),
        _cards(stage) if stage else "",
        f"<h2>Over time</h2>{_plots(found['series'])}" if stage else "",
        f"<h2>Latencies <small>ms</small></h2>{_latencies(stage)}" if stage else "",
        f"<h2>Stages</h2>{_stages(found['stages'])}" if len(found["stages"]) > 1 else "",
        f"<h2>Calls that failed</h2>{_failures(found['failures'])}" if found["failures"] else "",
        f'<p class="soft">{escape(ABOUT)}</p>',
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Load test: {escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _best(found: Json) -> Json | None:
    """The stage that the page is about: the most calls that went well, else the last."""
    stages: list[Json] = found["stages"]
    well = [one for one in stages if not one["faults"]]
    if found["holds"] is not None and well:
        return max(well, key=lambda one: int(one["calls"]))
    return stages[-1] if stages else None


def _where(found: Json) -> str:
    test, machine = found["test"], found["machine"]
    parts = [f"{test['protocol']} to {test['target']}", f"Trunkline {found['version']}"]
    parts += [f"{test['workers']} workers"] if (test["workers"] or 1) > 1 else []
    parts += [f"{machine['system']}, {machine['cores']} cores, Python {machine['python']}"]
    return " · ".join([*parts, found["at"]])


def _verdict(found: Json) -> str:
    lines = []
    if found["holds"] is not None:
        lines.append(f"{found['holds']} calls go well within the limits.")
    faults = found["stages"][-1]["faults"] if found["stages"] else ["nothing was measured"]
    if found["holds"] is None:
        lines += faults or ["Everything went well."]
    lines += ["The test was cut short."] if found["cut"] else []
    listed = "".join(f"<li>{escape(one)}</li>" for one in lines)
    notes = "".join(f'<li class="note">{escape(one)}</li>' for one in found["hints"])
    style = "verdict" if found["well"] else "verdict bad"
    word = "Well" if found["well"] else "Not well"
    return f'<div class="{style}"><b>{word}</b><ul>{listed}{notes}</ul></div>'


def _cards(stage: Json) -> str:
    def ms(key: str, share: str) -> str:
        return (
            f"{stage[key][share]:.{1 if key in ADDED else 0}f} ms" if stage[key]["count"] else "-"
        )

    there = f"{stage['live']} of " if stage["live"] < stage["calls"] else ""
    cells = [
        ("calls", f"{there}{stage['calls']}", f"for {stage['seconds']:g} s"),
        ("added, caller → model", ms("up", "p99"), f"p99 · p50 {ms('up', 'p50')}"),
        ("added, model → caller", ms("down", "p99"), f"p99 · p50 {ms('down', 'p50')}"),
        ("voice to voice", ms("voice_to_voice", "p50"), f"p50 · p95 {ms('voice_to_voice', 'p95')}"),
        ("barge-in", ms("barge_in", "p50"), f"p50 · p95 {ms('barge_in', 'p95')}"),
        ("sound lost", _share(stage["loss"]), f"{stage['missed']} questions unanswered"),
    ]
    if stage["cpu_cores"] is not None:
        cells.append(
            ("CPU a call", f"{stage['cpu_percent_per_call']:.2f} %", "of one core, the gateway")
        )
    if stage["memory_mb"] is not None:
        cells.append(("memory", f"{stage['memory_mb']:.0f} MB", "the gateway, at most"))
    return (
        '<div class="cards">'
        + "".join(
            f'<div class="card"><span class="soft">{escape(name)}</span><b>{escape(value)}</b>'
            f"<small>{escape(more)}</small></div>"
            for name, value, more in cells
        )
        + "</div>"
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _plots(series: Json) -> str:
    at = series["seconds"]

    def shares(key: str) -> list[Line]:
        styles = (("p50", "a"), ("p95", "b"), ("p99", "c"))
        return [Line(share, style, series[f"{key}_{share}"]) for share, style in styles]

    def one(title: str, unit: str, key: str) -> str:
        return plot(title, unit, at, [Line(title, "a", series[key])])

    return (
        '<div class="plots">'
        + "".join(
            (
                plot("Added, caller → model", "ms", at, shares("up")),
                plot("Added, model → caller", "ms", at, shares("down")),
                plot("Voice to voice", "ms", at, shares("voice_to_voice")),
                plot("Barge-in", "ms", at, shares("barge_in")),
                one("Calls", "live", "calls"),
                one("CPU of the gateway", "% of a core", "cpu_percent"),
                one("Memory of the gateway", "MB", "memory_mb"),
                one("Event loop lag, p95", "ms", "loop_lag_ms"),
            )
        )
        + "</div>"
    )


def _latencies(stage: Json) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(f"<td>{stage[key][share]:.1f}</td>" for share in ("p50", "p95", "p99", "max"))
        + f"<td>{stage[key]['count']}</td></tr>"
        for key, name in LATENCIES
        if stage[key]["count"]
    )
    heads = "".join(f"<th>{name}</th>" for name in ("", "p50", "p95", "p99", "most", "samples"))
    return f'<div class="wide"><table><tr>{heads}</tr>{rows}</table></div>'


def _stages(stages: list[Json]) -> str:
    rows = []
    for one in stages:
        added = [one[way]["p99"] for way in ADDED if one[way]["count"]]
        cpu = one["cpu_percent_per_call"]
        words = "; ".join(one["faults"]) or "well"
        style = "bad" if one["faults"] else "good"
        rows.append(
            f"<tr><td>{one['calls']}</td><td>{f'{max(added):.1f}' if added else '-'}</td>"
            f"<td>{_share(one['loss'])}</td>"
            f"<td>{f'{cpu:.2f} %' if cpu is not None else '-'}</td>"
            f'<td class="words {style}">{escape(words)}</td></tr>'
        )
    heads = "".join(f"<th>{name}</th>" for name in ("calls", "added p99 ms", "loss", "CPU a call"))
    head = f'<tr>{heads}<th class="words">verdict</th></tr>'
    return f'<div class="wide"><table>{head}{"".join(rows)}</table></div>'


def _failures(failures: list[Json]) -> str:
    rows = "".join(
        f'<tr><td>{one["count"]}</td><td class="words">{escape(one["cause"])}</td>'
        f'<td class="words">{escape(one["detail"])}</td></tr>'
        for one in failures
    )
    head = '<tr><th>calls</th><th class="words">cause</th><th class="words">detail</th></tr>'
    return f'<div class="wide"><table>{head}{rows}</table></div>'
