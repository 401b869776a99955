"""What no answer has come to: kept for another session, in order, once, and within its bound."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.call.effects import ClearInput, Commit, SendAudio
from gateway.call.plan import FRAME_US, Plan
from gateway.call.unanswered import KEPT_US, Unanswered
from gateway.call.written import WrittenMap

MOST = KEPT_US // FRAME_US  # frames
FRAME = 320  # bytes
PLAN = Plan(rate=8_000)
STEPS = st.lists(
    st.one_of(
        st.integers(1, MOST * 2 // 3),  # frames that are said
        st.sampled_from(["commit", "clear", "item", "words", "begins", "answered", "away"]),
    ),
    max_size=12,
)


def frame(number: int) -> bytes:
    return number.to_bytes(4, "big") + bytes(FRAME - 4)


def replayed(unanswered: Unanswered, plan: Plan) -> list[int]:
    """The frames that another session would hear, by their numbers."""
    orders = [order for _, order in unanswered.again(plan, WrittenMap(plan))]
    pcm = b"".join(order.pcm for order in orders if isinstance(order, SendAudio))
    return [int.from_bytes(pcm[at : at + 4], "big") for at in range(0, len(pcm), FRAME)]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(steps=STEPS)
def test_whatever_happens_it_is_in_order_told_once_and_bounded(steps: list[int | str]) -> None:
    unanswered, plan, said, items = Unanswered(PLAN), PLAN, 0, 0
    for step in steps:
        match step:
            case int():
                for _ in range(step):
                    said += 1
                    unanswered.keep(SendAudio(frame(said)), said, [(frame(said), said)])
            case "commit":
                unanswered.keep(Commit(), said, ())
            case "clear":
                unanswered.keep(ClearInput(), said, ())
            case "item":
                items += 1
                unanswered.committed(f"item_{items}")
            case "words":
                unanswered.recognised(f"item_{items}")
            case "begins":
                unanswered.asked()
            case "answered":
                unanswered.answered()
            case "away":
                unanswered.away()
        heard = replayed(unanswered, plan)
        assert heard == sorted(set(heard)), "in order, and none of it twice"
        assert len(heard) <= MOST


def test_of_too_much_the_end_is_kept_whatever_turns_it_has() -> None:
    unanswered, plan = Unanswered(PLAN), PLAN
    for number in range(MOST + 500):
        unanswered.keep(SendAudio(frame(number)), 0, [(frame(number), number)])
    assert unanswered.full
    assert replayed(unanswered, plan) == list(range(500, MOST + 500))
    unanswered.keep(Commit(), 0, ())
    unanswered.keep(SendAudio(frame(MOST + 500)), 1, [(frame(MOST + 500), 1)])
    assert replayed(unanswered, plan) == list(range(501, MOST + 501))
