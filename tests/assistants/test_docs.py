"""docs/openai.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.assistants.compatible import PROVIDERS
from gateway.assistants.openai import endpoint
from gateway.assistants.reasons import CLOSES, FATAL, STATUS
from gateway.assistants.target import Target
from gateway.settings import load

PAGE = (Path(__file__).parents[2] / "docs" / "openai.md").read_text()
EXAMPLES = re.findall(r"```toml\n(\[assistant\]\n.*?)```", PAGE, re.DOTALL)
ROW = re.compile(
    r"^\| `(\w+)` \| (GA|Beta)[^|]*\| ([^|]*) \| ([^|]*) \| (yes|no) \|$", re.MULTILINE
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_is_a_configuration_that_leads_somewhere(example: str, tmp_path: Path) -> None:
    config = tmp_path / "trunkline.toml"
    config.write_text(example)
    given = load(config, {}).assistant
    target = Target(
        kind=given.kind,
        base_url=given.base_url,
        model=given.model,
        api_key=given.api_key,
        provider=given.provider,
        api_version=given.api_version,
    )
    assert endpoint(target).base_url


def test_the_table_of_providers_is_the_one_in_the_code() -> None:
    rows = {name: rest for name, *rest in ROW.findall(PAGE)}
    assert rows.keys() == PROVIDERS.keys()
    for name, (shape, audio, detectors, truncation) in rows.items():
        able = PROVIDERS[name].able
        assert shape.lower() == able.shape
        assert set(detectors.split(", ")) == able.detectors
        assert (truncation == "yes") == able.truncation
        if able.formats == {"pcm"}:
            rates = f"PCM {able.input_rate // 1000} / {able.output_rate // 1000} kHz"
            assert audio == rates


def test_the_reasons_on_the_page_are_the_ones_that_are_given() -> None:
    given = "\n".join([*FATAL.values(), *STATUS.values(), *CLOSES.values()])
    for words in ("the key was refused", "the key may not do this", "nothing answers at this"):
        assert words in given
        assert words in PAGE
