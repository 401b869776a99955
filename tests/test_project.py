"""The shape of the project: small files and functions, a tidy top, locks that name no host."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 350
LONGEST_FUNCTION = 40
AT_THE_TOP = {
    *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "Makefile", ".ci", ".gitignore"),
    *("trunkline.example.toml", "requirements", "docs", "deploy"),
    *("gateway", "audio", "tools", "client", "samples", "tests"),
}
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = sorted(
    chain.from_iterable((ROOT / top).rglob("*.py") for top in ("gateway", "audio", "tools"))
)


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", lock.read_text(), re.MULTILINE))


def long_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and node.body[1:] else node.body[0]
            length = (node.end_lineno or 0) - first.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {length} lines"


def test_no_file_is_long() -> None:
    lengths = {path.relative_to(ROOT): path.read_text().count("\n") for path in SOURCES}
    long = [f"{path}: {length}" for path, length in lengths.items() if length > LONGEST_FILE]
    assert not long


def test_no_function_is_long() -> None:
    long = [said for path in SOURCES for said in long_functions(path)]
    assert not long


def test_every_file_opens_with_one_sentence() -> None:
    for path in SOURCES:
        opening = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0]
        assert opening.endswith((".", "?", "!")), f"{path} opens with {opening!r}"


def test_nothing_else_lies_at_the_top() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    assert {line.split("/")[0] for line in listed.stdout.splitlines()} <= AT_THE_TOP


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_host_and_each_pin_has_hashes(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|--find-links|-f)\b", text, re.M)
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)


def test_the_locks_agree_with_each_other() -> None:
    run, assistant, dev = (
        pins(ROOT / "requirements" / f"{name}.txt") for name in ("run", "assistant", "dev")
    )
    assert run.items() < assistant.items() < dev.items()


def test_what_talks_to_openai_only_installs_no_speech_models() -> None:
    assert (
        not {"onnxruntime", "moonshine-cpp", "hibari-tts"}
        & pins(ROOT / "requirements/run.txt").keys()
    )


def test_the_locks_hold_whatever_the_project_asks_for() -> None:
    wanted = [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]
    names = {re.match(r"[A-Za-z0-9-]+", one)[0].lower() for one in wanted}  # type: ignore[index]
    assert names <= pins(ROOT / "requirements/dev.txt").keys(), "run: make lock"


def test_the_doctor_knows_the_extras() -> None:
    from gateway.doctor import EXTRAS

    extras = PROJECT["optional-dependencies"]
    for extra, packages in EXTRAS.items():
        assert list(packages) == [re.split(r"[<>=]", one)[0] for one in extras[extra]]


def test_every_command_explains_itself() -> None:
    from gateway.cli import COMMANDS

    modules = {path.stem for path in (ROOT / "gateway/commands").glob("[!_]*.py")}
    assert set(COMMANDS) <= modules
    for name in COMMANDS:
        opening = (ROOT / f"gateway/commands/{name}.py").read_text().splitlines()[0]
        assert opening.startswith(f'"""`trunkline {name}`: ')
