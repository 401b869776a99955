"""What README.md and docs/ show works: settings load, Python compiles, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.cli import COMMANDS
from gateway.settings import load
from tools.spec import Tool

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "samples" / "README.md"]
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def blocks(kind: str) -> list[tuple[str, str]]:
    """Each block of that kind with the name of its page."""
    return [
        (str(page.relative_to(ROOT)), text)
        for page in PAGES
        for found, text in BLOCK.findall(page.read_text(encoding="utf-8"))
        if found == kind
    ]


@pytest.mark.parametrize(("page", "text"), [b for b in blocks("python") if b[0] == "README.md"])
def test_the_readmes_python_compiles(page: str, text: str) -> None:
    compile(text, page, "exec")


def test_the_readmes_tool_is_a_tool() -> None:
    (text,) = [text for page, text in blocks("python") if page == "README.md" and "@tool" in text]
    names: dict[str, object] = {"__name__": "my_tools"}
    exec(text, names)
    assert isinstance(names["opening_hours"], Tool)


@pytest.mark.parametrize(("page", "text"), [b for b in blocks("toml") if b[0] == "README.md"])
def test_the_readmes_settings_load(page: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "trunkline.toml"
    file.write_text(text)
    load(file, {"OPENAI_API_KEY": "sk-nobody"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_every_command_that_is_named_exists() -> None:
    for page in PAGES:
        for name in re.findall(r"`trunkline (\w+)", page.read_text(encoding="utf-8")):
            assert name in COMMANDS, f"{page.name} names trunkline {name}"
