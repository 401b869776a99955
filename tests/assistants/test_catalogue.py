"""The dated catalogue of models."""

from __future__ import annotations

from datetime import date

from gateway.assistants.catalogue import load
from gateway.call.events import Usage


def test_the_default_models_are_known_and_have_a_future() -> None:
    catalogue = load()
    assert catalogue.models[catalogue.default_model].shutdown is None
    assert catalogue.transcription[catalogue.default_transcription].shutdown is None
    assert catalogue.as_of == date(2026, 11, 21)


def test_what_is_shut_down_names_a_known_successor_that_is_not() -> None:
    catalogue = load()
    for table in (catalogue.models, catalogue.transcription):
        for row in table.values():
            assert (row.shutdown is None) == (row.replacement == "")
            if row.replacement:
                assert table[row.replacement].shutdown is None


def test_prices_make_sense() -> None:
    for model in load().models.values():
        for price in (model.text, model.audio, model.image):
            assert 0 < price.cached < price.input
        assert model.output_tokens < model.context_tokens


def test_an_alias_is_a_model_of_its_own_name() -> None:
    snapshot = load().models["gpt-realtime-2025-08-28"]
    assert snapshot.name == "gpt-realtime-2025-08-28"
    assert snapshot.warning(date(2026, 12, 1)) == (
        "gpt-realtime-2025-08-28 will be shut down on 2027-01-20; use gpt-realtime-2.1 instead"
    )
    assert "was shut down" in snapshot.warning(date(2027, 1, 20))
    assert load().models["gpt-realtime-2.1"].warning(date(2027, 1, 20)) == ""


def test_a_response_costs_what_its_tokens_cost() -> None:
    usage = Usage(
        input_text=1_000_000,
        cached_text=500_000,
        input_audio=1_000_000,
        cached_audio=1_000_000,
        output_text=100_000,
        output_audio=200_000,
    )
    prices = load().prices("gpt-realtime-2.1", "")
    assert prices.cost(usage) == 1_000_000_000 * 178 // 10


def test_the_price_of_audio_is_per_million_tokens_and_nothing_where_unknown() -> None:
    catalogue = load()
    assert catalogue.audio_price("gpt-realtime-2.1") == 32.0
    assert catalogue.audio_price("something-else") == 0.0
    assert catalogue.input_audio_per_second == 10
