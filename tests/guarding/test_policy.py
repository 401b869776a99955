"""A policy's file: read whole, or refused in words that say what is wrong with it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.guarding.policy import LARGEST, read
from gateway.settings import load

SAMPLE = Path(__file__).parents[2] / "samples/policies/shop.toml"
HEAD = 'name = "p"\nversion = "1"\n'
RULE = '[[rules]]\nname = "one"\nplaces = ["assistant"]\naction = "replace"\nphrase = "No."\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as raised:
        read(written(folder, text))
    return str(raised.value)


def test_a_policy_has_its_name_its_version_and_the_hash_of_its_file() -> None:
    policy = read(SAMPLE)
    digest = hashlib.sha256(SAMPLE.read_bytes()).hexdigest()
    assert (policy.name, policy.version, policy.digest) == ("shop", "1", digest)
    assert policy.label == f"shop 1 {digest[:12]}"
    assert policy.hold
    assert policy.patience == 800_000


def test_what_is_not_toml_is_refused_with_an_example(tmp_path: Path) -> None:
    said = refused(tmp_path, "name = ")
    assert "policy.toml" in said
    assert "not valid TOML" in said
    assert "[[rules]]" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD, "rules is missing"),
        (HEAD + "hald = true\n" + RULE + 'words = ["x1"]', "there is no key hald"),
        (HEAD + RULE + 'wurds = ["x1"]', "there is no key rules number 1.wurds"),
        (HEAD + RULE.replace("assistant", "asistant") + 'words = ["x1"]', "places number 1 should"),
        (HEAD + RULE + 'pii = ["shoe"]', "pii number 1 should be"),
        (HEAD + "patience_ms = 60000\n" + RULE + 'words = ["x1"]', "less than or equal to 1500"),
        (HEAD + RULE, "nothing to look for"),
        (HEAD + RULE.replace('phrase = "No."', "") + 'words = ["x1"]', "needs phrase"),
        (HEAD + RULE + 'patterns = ["(?=x)y"]', "no regular expression of RE2"),
        (HEAD + RULE + 'patterns = ["x*"]', "finds the empty text"),
        (HEAD + RULE + f'patterns = ["{"x" * 2001}"]', "at most 2000"),
        (HEAD + RULE + 'words = ["..."]', "is no word or phrase"),
        (HEAD + RULE + 'words = ["x1"]\nsteer = "Do."', 'steer is for action = "steer"'),
        (HEAD + RULE + 'words = ["x1"]\ntarget = "+1"', "target is for"),
        (HEAD + RULE + 'words = ["x1"]\nthreshold = 0.5', "threshold is for moderation"),
        (HEAD + RULE + 'words = ["x1"]\ntools = ["a"]', "tools is for the places"),
        (HEAD + RULE + "injection = true", "injection is looked for"),
        (HEAD + RULE + 'words = ["x1"]\nunless = ["x."]', "excuses its own word"),
        (HEAD + RULE + 'words = ["no"]', "the phrase of the rule 'one' may not be said"),
        (HEAD + "hold = true\n" + RULE.replace("assistant", "caller") + 'words = ["x1"]', "hold"),
        (HEAD + "sentence_ms = 900\n" + RULE + 'words = ["x1"]', "sentence_ms is longer"),
        (HEAD + 2 * (RULE + 'words = ["x1"]\n'), "two rules have the name 'one'"),
    ],
    ids=lambda value: value if len(value) < 60 else "-",
)
def test_what_contradicts_itself_or_cannot_be_done_is_refused(
    tmp_path: Path, text: str, expected: str
) -> None:
    said = refused(tmp_path, text)
    assert "policy.toml" in said
    assert expected in said


def test_two_rules_may_not_send_the_same_caller_two_ways(tmp_path: Path) -> None:
    words = 'places = ["caller"]\nwords = ["gun"]\n'
    ends = f'[[rules]]\nname = "a"\naction = "end"\n{words}'
    moves = f'[[rules]]\nname = "b"\naction = "transfer"\ntarget = "+1555"\n{words}'
    said = refused(tmp_path, HEAD + ends + moves)
    assert "'a' and 'b' both look for 'gun'" in said
    assert 'the other action = "transfer" to +1555' in said


def test_a_file_that_is_too_long_or_not_there_is_refused(tmp_path: Path) -> None:
    assert "at most" in refused(tmp_path, "#" * (LARGEST + 1))
    with pytest.raises(SettingsError, match=r"guard\.policy names its file"):
        read(tmp_path / "nowhere.toml")


def test_the_settings_read_the_policy_from_beside_their_own_file(tmp_path: Path) -> None:
    written(tmp_path, HEAD + RULE + 'words = ["x1"]')
    (tmp_path / "trunkline.toml").write_text('[guard]\npolicy = "policy.toml"')
    settings = load(tmp_path / "trunkline.toml", {})
    assert settings.guard.rules.name == "p"
    assert not load(None, {}).guard.rules.rules


def test_rules_that_ask_an_endpoint_need_one(tmp_path: Path) -> None:
    written(tmp_path, HEAD + RULE + 'moderation = ["hate"]')
    (tmp_path / "trunkline.toml").write_text('[guard]\npolicy = "policy.toml"')
    with pytest.raises(SettingsError, match=r"\[guard\.moderation\]"):
        load(tmp_path / "trunkline.toml", {})
    url = {"TRUNKLINE_GUARD__MODERATION__BASE_URL": "http://127.0.0.1:1/v1"}
    assert load(tmp_path / "trunkline.toml", url).guard.rules.rules[0].moderation == ("hate",)
