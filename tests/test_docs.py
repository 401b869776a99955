"""What README.md and docs/ show works, and what they name is there: settings, commands, files."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from gateway.api.routes import ENDPOINTS
from gateway.cli import COMMANDS, _parser
from gateway.embedded import faultplan
from gateway.identity.who import SCOPES
from gateway.rehearsal import script
from gateway.section import Section
from gateway.settings import Settings, load
from gateway.store.tables import metadata
from tests.whole import open_whole
from tools.spec import Tool

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
PAGES = [
    *(ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))),
    *(SAMPLES / "README.md", SAMPLES / "tool-project" / "README.md"),
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
TEXTS = {name: page.read_text(encoding="utf-8") for name, page in zip(NAMES, PAGES, strict=True)}
EVERY = pytest.mark.parametrize("page", NAMES)
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
PLACE = re.compile(
    r"(?<![\w/.:-])((?:gateway|audio|tools|client|samples|tests|docs|requirements)/[\w./*-]*\w)"
)
FIGURE = re.compile(r"`(trunkline_\w+)[`{]")
SOUND = {"audio/l16", "audio/x-mulaw"}  # no files, but formats


def blocks(kind: str) -> list[object]:
    """Each block of that kind, with the name of its page."""
    every = ((page, *found) for page, text in TEXTS.items() for found in BLOCK.findall(text))
    shown = [(page, text) for page, found, text in every if found == kind]
    return [pytest.param(*one, id=f"{one[0]}-{number}") for number, one in enumerate(shown)]


def quoted(page: str) -> list[str]:
    """What stands between backticks in its prose."""
    prose = BLOCK.sub("", TEXTS[page])
    return [found.replace("\n", " ") for found in re.findall(r"`([^`]+)`", prose)]


def rows(page: str) -> list[list[str]]:
    """The cells of its tables."""
    lines = (line for line in TEXTS[page].splitlines() if line.startswith("| "))
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def settings_of(kind: type[Section], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key and every table, by its dotted name."""
    for name, field in kind.model_fields.items():
        yield above + name, field
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from settings_of(field.annotation, f"{above}{name}.")


KEYS = dict(settings_of(Settings))
VARIABLES = {f"TRUNKLINE_{key.replace('.', '__').upper()}" for key in KEYS} | {
    *("TRUNKLINE_ASTERISK", "TRUNKLINE_CACHE", "TRUNKLINE_CONFIG")  # no settings
}

# ---------------------------------------------------------------- examples


@pytest.mark.parametrize(("page", "text"), blocks("python"))
def test_python_compiles(page: str, text: str) -> None:
    compile(text, page, "exec")


def test_the_readmes_tool_is_a_tool() -> None:
    found = [text for kind, text in BLOCK.findall(TEXTS["README.md"]) if kind == "python"]
    (text,) = [text for text in found if "@tool" in text]
    names: dict[str, object] = {"__name__": "my_tools"}
    exec(text, names)
    assert isinstance(names["opening_hours"], Tool)


@pytest.mark.parametrize(("page", "text"), blocks("toml"))
def test_settings_scripts_and_faults_load(page: str, text: str, tmp_path: Path) -> None:
    for name in ("audio", "orderdesk.py"):
        (tmp_path / name).symlink_to(SAMPLES / name)
    (folder := tmp_path / "here").mkdir()
    file = folder / "trunkline.toml"
    file.write_text(text)
    told = tomllib.loads(text)
    if "fault" in told:
        faultplan.load(file)
    elif "turn" in told:
        script.load(file)
    else:
        if "policy" in told.get("guard", {}):
            (policy,) = re.findall(r"```\n(name = .*?)```", TEXTS[page], re.DOTALL)
            (folder / told["guard"]["policy"]).write_text(policy)
        load(file, {"OPENAI_API_KEY": "sk-nobody"})


@EVERY
def test_command_lines_that_are_shown_are_understood(page: str) -> None:
    for text in (text for _, text in BLOCK.findall(TEXTS[page])):
        line = r"^\s*(?:\$ |[A-Z_]+=\S* )?(trunkline [a-z].*)"
        for shown in re.findall(line, text.replace("\\\n", " "), re.MULTILINE):
            said = io.StringIO()
            try:
                with contextlib.redirect_stderr(said):
                    _, *words = shlex.split(shown, comments=True)
                    _parser(words[0]).parse_args(words)
            except SystemExit:
                pytest.fail(f"{shown}: {said.getvalue()}")
    for named in quoted(page):
        if match := re.search(r"(?:^|/)trunkline ([a-z]+)((?: [a-z]+)?)(.*)", named):
            assert match[1] in COMMANDS, named
            options = re.findall(r"--[a-z-]+", match[3])
            if options:
                assert set(options) <= options_of(match[1], match[2].strip()), named


@cache
def options_of(command: str, order: str) -> set[str]:
    """Those that the command takes, or that order of it."""
    words = [command, *([order] if order else []), "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        _parser(command).parse_args(words)
    return set(re.findall(r"--[a-z-]+", said.getvalue()))


# ---------------------------------------------------------------- names


@EVERY
def test_settings_and_variables_that_are_named_exist(page: str) -> None:
    sections = "|".join(Settings.model_fields)
    dotted = re.compile(rf"\[*((?:{sections})(?:\.[a-z_]+)+)\]*(?: = .*)?")
    for named in quoted(page):
        if (found := dotted.fullmatch(named)) and not found[1].endswith((".py", ".toml")):
            assert found[1] in KEYS, f"there is no setting {found[1]}"
        elif (found := re.fullmatch(r"\[+([a-z_.]+)\]+", named)) and found[1] != "turn":
            assert found[1] in KEYS, f"there is no section {found[1]}"
    for name in re.findall(r"TRUNKLINE_[A-Z_]+[A-Z]", TEXTS[page]):
        assert name in VARIABLES, f"there is no variable {name}"


@EVERY
def test_what_stands_behind_a_setting_is_its_default(page: str) -> None:
    """As in "`shutdown.finish_s` (20)" and "| `limits.lag_ms` | 250 |"."""
    for key, value in re.findall(r"`([a-z_.]+)`(?: \(| \| )([0-9.]+)\b", TEXTS[page]):
        if key in KEYS:
            assert float(value) == KEYS[key].default, key


@EVERY
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", BLOCK.sub("", TEXTS[page])):
        path, _, place = link.partition("#")
        if "://" in path:
            continue
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if place:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            known = [re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings]
            assert place in known, link


@EVERY
def test_files_modules_and_targets_that_are_named_exist(page: str) -> None:
    text = TEXTS[page]
    for name in PLACE.findall(BLOCK.sub("", text)):
        here = any(ROOT.glob(name)) or any((ROOT / page).parent.glob(name))
        assert here or name in SOUND, f"there is no file {name}"
    for module in re.findall(r"python -m (tests[\w.]+\w)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module
    for target in re.findall(r"`make (\w+)", text):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8"), target


def test_every_page_can_be_found_from_the_readme() -> None:
    for name in NAMES:
        assert f"({name}" in TEXTS["README.md"] or name.startswith(("README", "samples")), name


# ---------------------------------------------------------------- lists that are to be whole


def test_the_table_of_the_api_has_each_address_with_its_scope() -> None:
    told: dict[tuple[str, str], str] = {}
    for first, scope, *_ in (row for row in rows("docs/access.md") if "/api/" in row[0]):
        methods: list[str] = []  # of one address: `GET`, `POST /api/keys`
        for method, path in re.findall(r"`(\w+)(?: (/\S+))?`", first):
            methods.append(method)
            if path:
                told |= {(one, re.sub("{.*?}", "{}", path)): scope.strip("`") for one in methods}
                methods.clear()
    known = {(one.method, re.sub("{.*?}", "{}", one.path)): one.scope for one in ENDPOINTS}
    assert told == {key: scope or "any" for key, scope in known.items()}


def test_the_table_of_scopes_has_each_of_them() -> None:
    assert {row[0].strip("`") for row in rows("docs/access.md") if len(row) == 2} >= set(SCOPES)


def test_the_table_of_the_books_has_each_table_of_the_database() -> None:
    told = {name for row in rows("docs/store.md") for name in re.findall(r"`(\w+)`", row[0])}
    assert told == set(metadata.tables)


def test_the_samples_are_told_of() -> None:
    told = "".join(row[0] for row in rows("samples/README.md"))
    for path in SAMPLES.iterdir():
        assert path.name in told or path.name in ("README.md", "__pycache__"), path.name


async def test_the_figures_that_are_named_are_those_of_the_page(tmp_path: Path) -> None:
    books = {"URL": tmp_path / "books.db", "SPILL": tmp_path / "spill"}
    told = {f"TRUNKLINE_STORE__{name}": str(path) for name, path in books.items()}
    async with open_whole(told) as house:
        page = house.gateway.metrics.page().decode()
    known = set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))
    known = {name for name in known if not name.endswith("_created")}
    listed = {name for row in rows("docs/running.md") for name in re.findall(FIGURE, row[0])}
    assert listed == known
    for name in NAMES:
        for figure in re.findall(FIGURE, TEXTS[name]):
            assert figure in known or figure == "trunkline_hook", f"{name}: {figure}"
