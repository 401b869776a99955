"""Routing: by which rules a call is moved to another assistant, and how it gets there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.language import language_of
from gateway.call.plan import (
    BudgetPolicy,
    Plan,
    RecoveryPolicy,
    RoutingPolicy,
    RoutingRule,
)
from gateway.call.prices import Prices, Rate
from gateway.call.router import Router
from tests.call.story import Story

SMALL, EXPERT = 1, 2
INTENT = (RoutingRule(EXPERT, words="invoice"), RoutingRule(SMALL, words="opening hours", turns=2))


def router(*rules: RoutingRule, cheaper: int = 0, language: str = "") -> Router:
    return Router(Plan(language=language, routing=RoutingPolicy(rules, cheaper)))


def says(chosen: Router, text: str, *, final: bool = True) -> int:
    chosen.see(do.ShowWords("item", "caller", text, 0, final))
    return chosen.choice


# ---------------------------------------------------------------- rules


def test_words_of_the_caller_choose_until_those_of_another_rule_come() -> None:
    chosen = router(*INTENT)
    assert says(chosen, "Hello.") == 0
    assert says(chosen, "My inv", final=False) == 0
    assert says(chosen, "My INVOICE is wrong.") == EXPERT
    assert says(chosen, "Yes.") == EXPERT
    assert says(chosen, "What are your opening hours?") == SMALL
    assert says(chosen, "Thanks.") == SMALL
    assert says(chosen, "And now?") == 0, "they held for two turns"


def test_a_rule_above_decides_where_two_fit() -> None:
    chosen = router(RoutingRule(SMALL, spent_percent=50), RoutingRule(EXPERT, words="invoice"))
    assert says(chosen, "My invoice.") == EXPERT
    chosen.spent(50)
    assert chosen.choice == SMALL
    chosen.spent(49)
    assert chosen.choice == EXPERT


def test_load_moves_a_call_while_it_lasts() -> None:
    chosen = router(RoutingRule(SMALL, load_percent=80))
    choices = []
    for load in (79, 80, 100, 0):
        chosen.loaded(load)
        choices.append(chosen.choice)
    assert choices == [0, SMALL, SMALL, 0]


def test_a_budget_moves_a_call_whatever_the_rules_say() -> None:
    chosen = router(RoutingRule(EXPERT, words="invoice"), cheaper=SMALL)
    says(chosen, "My invoice.")
    chosen.cheaper()
    assert chosen.choice == SMALL
    nobody_is = router(RoutingRule(EXPERT, words="invoice"))
    nobody_is.cheaper()
    assert says(nobody_is, "My invoice.") == EXPERT


def test_a_language_holds_until_another_is_spoken() -> None:
    chosen = router(RoutingRule(EXPERT, languages=("fr", "de")), language="en")
    said = ["Hello, I need help.", "Bonjour, je voudrais un rendez-vous.", "OK", "4711"]
    assert [says(chosen, text) for text in said] == [0, EXPERT, EXPERT, EXPERT]
    assert says(chosen, "Can you speak to me in English, please?") == 0
    assert router(RoutingRule(EXPERT, languages=("fr",)), language="fr").choice == EXPERT


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("where is my order", "en"),
        ("Ja, bitte.", "de"),
        ("Où est ma commande ?", "fr"),
        ("Hola, quiero saber dónde está.", "es"),
        ("Buongiorno, vorrei sapere.", "it"),
        ("Olá, eu gostaria de saber.", "pt"),
        ("Ik wil graag weten hoe laat.", "nl"),
        ("Здравствуйте, мне нужно.", "ru"),
        ("Добрий день, мені потрібно.", "uk"),
        ("予約をお願いします", "ja"),
        ("안녕하세요", "ko"),
        ("Ja", ""),
        ("OK", ""),
        ("[pressed 1]", ""),
        ("", ""),
    ],
)
def test_a_sentence_tells_its_language_or_nothing(text: str, language: str) -> None:
    assert language_of(text) == language


# ---------------------------------------------------------------- a call on its way


def story(*rules: RoutingRule, **more: object) -> Story:
    plan = Plan(
        routing=RoutingPolicy(rules, SMALL),
        recovery=RecoveryPolicy(assistants=1, patience=20_000_000),
    )
    return Story(replace(plan, **more))  # type: ignore[arg-type]


def turn(tale: Story, text: str, number: int) -> None:
    """The caller says something, and is answered for a second."""
    tale.says(600)
    tale.feed(on.TurnCommitted(f"item_u{number}"))
    tale.feed(on.CallerWords(f"item_u{number}", text, final=True))
    tale.answers(1000, f"Answer {number}.", f"item_a{number}", f"resp_{number}")


def test_a_call_moves_between_two_turns_and_back_and_the_next_knows_what_was_said() -> None:
    tale = story(RoutingRule(SMALL, words="hours", turns=1))
    turn(tale, "What are your opening hours?", 1)
    assert tale.all(do.Dial) == [do.Dial(SMALL, 1)]
    tale.feed(on.AssistantReady("sess_2", "small", epoch=1))
    assert not tale.all(do.Use), "the answer is still being heard"
    tale.wait(2000)
    assert tale.all(do.Use) == [do.Use(1)]
    assert do.Remind("assistant", "Answer 1.") in tale.all(do.Remind)
    assert not tale.all(do.ShowNotice), "the caller notices nothing"
    tale.new()
    turn(tale, "My invoice.", 2)
    assert [e for e in tale.new() if isinstance(e, do.Dial)] == [do.Dial(0, 2)]
    tale.feed(on.AssistantReady("sess_3", "large", epoch=2))
    tale.wait(2000)
    assert tale.all(do.Use) == [do.Use(1), do.Use(2)]
    assert len(tale.all(do.Respond)) == 2, "nothing was asked anew"


def test_an_assistant_that_cannot_be_had_is_asked_once_a_turn() -> None:
    tale = story(RoutingRule(SMALL, words="hours"))
    turn(tale, "What are your opening hours?", 1)
    tale.feed(on.AssistantLost("refused", "connect", 1))
    tale.wait(60_000)
    assert tale.all(do.Dial) == [do.Dial(SMALL, 1)]
    turn(tale, "And on Sunday?", 2)
    assert tale.all(do.Dial) == [do.Dial(SMALL, 1), do.Dial(SMALL, 2)]
    tale.feed(on.AssistantLost("no such model", "model_not_found", 2))
    turn(tale, "And on Monday?", 3)
    assert len(tale.all(do.Dial)) == 2, "it refused for good"
    assert not tale.all(do.Use)


def test_one_that_is_wanted_no_more_is_not_used_though_it_is_there() -> None:
    tale = story(RoutingRule(SMALL, load_percent=50))
    tale.feed(on.LoadReported(60))
    assert tale.all(do.Dial) == [do.Dial(SMALL, 1)]
    tale.speaks(200)
    tale.feed(on.AssistantReady(epoch=1))
    tale.feed(on.LoadReported(40))
    tale.silent(600)
    assert not tale.all(do.Use)
    tale.feed(on.LoadReported(60))
    tale.answers(100)
    tale.wait(2000)
    assert tale.all(do.Use) == [do.Use(1)], "it had waited"


def test_one_that_is_lost_in_use_is_replaced_at_once_and_left_alone_for_a_while() -> None:
    tale = story(RoutingRule(SMALL, words="hours"))
    turn(tale, "What are your opening hours?", 1)
    tale.feed(on.AssistantReady(epoch=1))
    tale.wait(2000)
    tale.feed(on.AssistantLost("gone", "close_1006", 1))
    tale.wait(1000)
    assert tale.all(do.Dial)[-1] == do.Dial(0, 2), "the call's own takes over"
    tale.feed(on.AssistantReady(epoch=2))
    for number in range(2, 5):
        turn(tale, "Yes.", number)
        tale.wait(2000)
        assert len(tale.all(do.Dial)) == 2, number
    turn(tale, "Yes.", 5)
    assert tale.all(do.Dial)[-1] == do.Dial(SMALL, 3)


def test_what_is_spent_moves_a_call() -> None:
    prices = Prices(audio=Rate(output=1_000))
    tale = story(
        RoutingRule(SMALL, spent_percent=50), prices=prices, budget=BudgetPolicy(limit=100_000)
    )
    tale.says(600)
    tale.begins()
    tale.voice(2400)  # 48 tokens, 48,000 nanodollars
    tale.wait(100)
    assert not tale.all(do.Dial)
    tale.voice(200)
    tale.wait(100)
    assert tale.all(do.Dial) == [do.Dial(SMALL, 1)]


def test_one_that_is_wished_for_is_dialled_as_soon_as_another_has_stepped_in() -> None:
    tale = story(RoutingRule(EXPERT, load_percent=50))
    tale.says(600)
    tale.wait(1_100)
    assert tale.all(do.Dial) == [do.Dial(0, 1)], "nothing comes of the request"
    tale.feed(on.LoadReported(60))
    tale.feed(on.AssistantReady(epoch=1))
    assert tale.all(do.Use) == [do.Use(1)]
    assert tale.all(do.Dial) == [do.Dial(0, 1), do.Dial(EXPERT, 2)]


def test_one_that_is_wished_for_and_does_not_open_keeps_no_doubtful_session_in_use() -> None:
    tale = story(RoutingRule(EXPERT, load_percent=50))
    tale.feed(on.LoadReported(60))
    tale.says(600)
    tale.wait(6_000)
    assert tale.all(do.Dial) == [do.Dial(EXPERT, 1), do.Dial(0, 2)]
    assert tale.times(do.Dial) == [0, 5_000]


def test_without_rules_nobody_else_is_asked() -> None:
    tale = Story(Plan(recovery=RecoveryPolicy(assistants=3, patience=20_000_000)))
    turn(tale, "What are your opening hours?", 1)
    tale.feed(on.LoadReported(100))
    tale.wait(5000)
    assert not tale.all(do.Dial)
