"""Shows a conversation as it happens: live and in colour on a terminal, else plainly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from gateway.assistants import catalogue
from gateway.rehearsal.conversation import Conversation, Line, Notice, Savings, ToolUse

MILLION = 1_000_000
LONGEST_OUTPUT = 220  # characters of a tool's answer that are shown
STYLES = {"caller": "bold cyan", "assistant": "bold green", "tool": "bold magenta"}
PLAIN_WIDTH = 110  # columns where there is no terminal to ask
UNFINISHED = " ... when the call ended"
FACTS = 16  # columns before a fact of the summary


def console() -> Console:
    """The console of this process's stdout, without colour codes where that is no terminal."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


@contextmanager
def showing(console: Console) -> Iterator[Show]:
    """A show on that console."""
    if not console.is_terminal:
        yield Show(console, None)
        return
    with Live(console=console, transient=True, auto_refresh=False) as live:
        try:
            yield Show(console, live)
        finally:
            live.update(Group(), refresh=True)


class Show:
    """Watches one call; `live`: where the lines that still grow are drawn, if they are."""

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console, self._live = console, live
        self._growing: dict[str, Line] = {}

    # ------------------------------------------------------------ what a watcher is told

    def started(self, call_id: str, assistant: str) -> None:
        self._row(0.0, "", Text(f"{call_id} answered by {assistant}", "dim"))

    def line(self, item: str, line: Line, final: bool) -> None:
        if final:
            self._growing.pop(item, None)
        else:
            self._growing[item] = line
        if self._live is not None:
            growing = self._growing.values()
            rows = (_row(self._console, one.at, one.who, _growing(one)) for one in growing)
            self._live.update(Group(*rows), refresh=True)
        if final and line.text:
            self._row(line.at, line.who, _said(line))

    def tool(self, use: ToolUse) -> None:
        if use.status == "running":
            self._row(use.at, "tool", Text(_call(use)))
        else:
            self._row(None, "", Text(f"{use.status}: {_short(use.output)}", "dim"))

    def latency(self, seconds: float, at: float) -> None:
        self._row(None, "", Text(f"answered after {seconds:.2f} s", "dim italic"))

    def notice(self, notice: Notice) -> None:
        self._row(notice.at, "gateway", Text(notice.message, "yellow"))

    def _row(self, at: float | None, who: str, what: Text) -> None:
        self._console.print(_row(self._console, at, who, what))

    # ------------------------------------------------------------ when it is over

    def summary(self, conversation: Conversation, *, virtual: bool = False) -> None:
        """What it ended in the middle of, why, how quick the answers were, what trimming saved."""
        for line in self._growing.values():
            self._row(line.at, line.who, Text(line.text).append(UNFINISHED, "red"))
        style = "" if conversation.complete else "bold red"
        early = "" if conversation.complete else ", before the conversation was over"
        self._console.print()
        self.fact("ended", Text(conversation.ended + early, style))
        self.fact("voice to voice", _latencies(conversation, virtual))
        self.fact("trimming saved", Text(saved(conversation.savings)))
        self.fact("", Text(worth(conversation.savings), "dim"))

    def fact(self, name: str, what: Text) -> None:
        """A line of the summary."""
        margin = Text(f"{name:<{FACTS}}", "bold")
        self._console.print(_beside(margin, what, self._console))


def saved(savings: Savings) -> str:
    """What trimming kept back, in a phrase."""
    share = savings.seconds / savings.spoken if savings.spoken else 0.0
    return (
        f"{savings.seconds:.1f} s of {savings.spoken:.1f} s ({share:.0%}), "
        f"{savings.bytes / 1000:,.0f} kB on the wire, {savings.tokens} audio tokens"
    )


def worth(savings: Savings) -> str:
    """What those tokens are worth; the embedded assistant itself costs nothing."""
    known = catalogue.load()
    price = known.audio_price(known.default_model)
    return (
        f"worth ${savings.tokens * price / MILLION:.5f} at ${price:.2f} per million audio tokens, "
        f"the input price of {known.default_model}, OpenAI's default model, as of {known.as_of}; "
        "first hearing only, later turns would read them again"
    )


def _latencies(conversation: Conversation, virtual: bool) -> Text:
    if not conversation.latencies:
        return Text("nothing was answered", "yellow")
    each = ", ".join(f"{seconds:.2f} s" for seconds in conversation.latencies)
    text = Text(f"{each}; median {conversation.median_latency:.2f} s")
    if virtual:
        text.append("  (virtual clock: what the models compute takes no time)", "dim")
    return text


def _beside(margin: Text, what: Text, console: Console) -> Text:
    """The text beside its margin, wrapped, without the blanks that a table would leave behind."""
    lines = what.wrap(console, max(20, console.width - margin.cell_len))
    rest = Text("\n" + " " * margin.cell_len)
    for line in lines:
        line.rstrip()
    return Text.assemble(margin, rest.join(lines))


def _row(console: Console, at: float | None, who: str, what: Text) -> Text:
    when = "" if at is None else f"{at:.1f}"
    style = STYLES.get(who, "bold yellow")
    margin = Text.assemble((f"{when:>6} ", "dim"), (f"{who:<10}", style))
    return _beside(margin, what, console)


def _said(line: Line) -> Text:
    text = Text(line.text)
    if line.cut:
        text.append(" ... cut off by the caller", "red")
    return text


def _growing(line: Line) -> Text:
    return Text(f"{line.text} ...", "dim")


def _call(use: ToolUse) -> str:
    given = (
        f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in use.arguments.items()
    )
    return f"{use.name}({', '.join(given)})"


def _short(output: str) -> str:
    line = " ".join(output.split())
    return line if len(line) <= LONGEST_OUTPUT else f"{line[:LONGEST_OUTPUT]}..."
