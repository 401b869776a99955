"""Whatever a program does, and a model with it: every request is answered, every answer ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import PlaybackPolicy, ToolSpec
from tests.call.story import Story, plan

OURS, THEIRS = ToolSpec("ours", "", {}), ToolSpec("theirs", "", {})
ACTIONS = (
    *("speak", "speak", "hush", "hush", "want", "want", "cancel", "commit", "clear", "cut"),
    *("model", "model", "model", "calls ours", "calls theirs", "calls both", "fails"),
    *("tool", "answer", "manual", "listen", "refuse"),
)


class Dialogue:
    """A story with a model that does as it is told, sometimes late."""

    def __init__(self) -> None:
        lead = PlaybackPolicy(lead=3_600_000_000, cut_by="caller")
        base = replace(plan(), playback=lead, tools=(OURS,), caller_tools=(THEIRS,))
        self.story = Story(base)
        self.active = ""
        self.made = self.requests = self.read = 0
        self.waiting = 0  # answers that were asked for and not begun
        self.cancelled = False
        self.tools: list[str] = []
        self.owed: list[str] = []

    def feed(self, event: on.Event) -> None:
        self.story.feed(event)
        self.look()

    def look(self) -> None:
        """Notice what was ordered."""
        log, self.read = self.story.log[self.read :], len(self.story.log)
        for _, effect in log:
            match effect:
                case do.Respond():
                    self.waiting += 1
                case do.Cancel():
                    self.cancelled = True
                case do.RunTool(call_id):
                    self.tools.append(call_id)
                case do.CancelTool(call_id) if call_id in self.tools:
                    self.tools.remove(call_id)
                case do.ShowResponse(calls=calls):
                    self.owed += [call.call_id for call in calls]

    def act(self, action: str) -> None:
        match action:
            case "speak":
                self.story.speaks(300)
            case "hush":
                self.story.silent(500)
            case "want":
                self.requests += 1
                self.feed(on.AnswerWanted({}, f"caller_{self.requests}"))
            case "cancel" | "commit" | "clear":
                self.feed(on.CallerOrdered(action, "caller_order"))  # type: ignore[arg-type]
            case "cut":
                self.feed(on.CallerCut(f"item_{self.made}", 100))
            case "manual" | "listen":
                detector = "manual" if action == "manual" else "gateway"
                turns = replace(self.story.plan.turns, detector=detector)
                self.feed(on.PlanChanged(replace(self.story.plan, turns=turns)))
            case "tool" if self.tools:
                self.feed(on.ToolFinished(self.tools.pop(), "done"))
            case "answer" if self.owed:
                self.feed(on.ToolAnswered(self.owed.pop(), "done"))
            case "refuse" if self.waiting and not self.active:
                self.waiting -= 1
                self.feed(on.AssistantRefused("invalid_value", "No.", "response.create-1"))
            case "model" | "calls ours" | "calls theirs" | "calls both" | "fails":
                self.model(action)
        self.look()

    def model(self, action: str) -> None:
        """The next thing that the model does."""
        if not self.active:
            if self.waiting:
                self.waiting -= 1
                self.made += 1
                self.active = f"resp_{self.made}"
                self.feed(on.ResponseStarted(self.active))
            return
        if self.cancelled:
            self.end("cancelled")
        elif action == "fails":
            self.end("failed")
        elif action == "model":
            pcm = bytes(4800)
            self.feed(on.AssistantAudio(self.active, f"item_{self.made}", pcm))
            self.end("completed")
        else:
            names = {"calls ours": ["ours"], "calls theirs": ["theirs"]}
            self.end("completed", names.get(action, ["ours", "theirs"]))

    def end(self, status: on.ResponseStatus, names: list[str] | None = None) -> None:
        calls = tuple(
            on.ToolCall(f"call_{self.made}_{name}", name, f'{{"n": {self.made}}}')
            for name in names or ()
        )
        ended, self.active, self.cancelled = self.active, "", False
        self.feed(on.ResponseEnded(ended, status, calls=calls))

    def finish(self) -> None:
        """All fall silent, and answer what they owe."""
        for _ in range(12):
            self.story.silent(1000)
            self.look()
            while self.tools:
                self.act("tool")
            while self.owed:
                self.act("answer")
            self.requests += 1
            self.feed(on.AnswerWanted({}, f"caller_{self.requests}"))
            for _ in range(3):
                self.model("model")
            self.story.wait(2000)
            self.look()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ACTIONS), max_size=40))
def test_every_request_is_answered_once_and_every_answer_ends(actions: list[str]) -> None:
    dialogue = Dialogue()
    for action in actions:
        dialogue.act(action)
    dialogue.finish()
    story = dialogue.story
    shown = story.all(do.ShowResponse)
    begun = [one for one in shown if one.status == "in_progress"]
    ended = [one for one in shown if one.status != "in_progress"]
    assert [one.response_id for one in begun] == [one.response_id for one in ended]
    assert [one.status == "in_progress" for one in shown] == [True, False] * len(begun)
    answers = Counter(one.request for one in (*begun, *story.all(do.ShowRefusal)))
    del answers[""], answers["caller_order"]
    expected = Counter(f"caller_{n}" for n in range(1, dialogue.requests + 1))
    assert answers == expected
    outputs = Counter(one.call_id for one in story.all(do.SendToolOutput))
    assert not [call_id for call_id, times in outputs.items() if times > 1]
