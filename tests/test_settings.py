"""Settings: where they come from, which wins, and what is said when one is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.call.plan import IdlePolicy, PlaybackPolicy, TurnPolicy
from gateway.errors import SettingsError
from gateway.settings import Settings, load
from gateway.settings.example import render

ROOT = Path(__file__).parents[1]


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "trunkline.toml"
        path.write_text(text)
        return path

    return write


def complaint(path: Path | None = None, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {})
    return str(caught.value)


def test_with_nothing_said_the_embedded_assistant_listens_on_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(environ={})
    assert settings == Settings()
    assert settings.assistant.kind == "embedded"
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)


def test_the_policies_without_settings_are_those_of_the_plan() -> None:
    settings = Settings()
    assert settings.turn_policy() == TurnPolicy()
    assert settings.playback_policy() == PlaybackPolicy()
    assert settings.idle_policy() == IdlePolicy()


def test_milliseconds_of_the_file_are_microseconds_of_the_plan(write) -> None:
    path = write(
        '[turns]\ndetector = "server"\nhang_over_ms = 500\n[idle]\nafter_s = 7.5\n'
        "[playback]\nlead_ms = 100\n"
    )
    settings = load(path, {})
    assert settings.turn_policy() == TurnPolicy(detector="server", hang_over=500_000)
    assert settings.idle_policy() == IdlePolicy(after=7_500_000)
    assert settings.playback_policy() == PlaybackPolicy(lead=100_000)


def test_the_command_line_beats_a_variable_and_a_variable_beats_the_file(write) -> None:
    path = write("[server]\nport = 1\nmax_calls = 1\n[assistant.mind]\nmodel = 'file'\n")
    environ = {"TRUNKLINE_SERVER__PORT": "2", "TRUNKLINE_ASSISTANT__MIND__MODEL": "variable"}
    settings = load(path, environ, {("server", "port"): 3})
    assert settings.server.port == 3
    assert settings.server.max_calls == 1
    assert settings.assistant.mind.model == "variable"


def test_the_file_may_be_named_by_a_variable_or_lie_in_the_current_folder(
    write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("[server]\nport = 9\n")
    assert load(environ={"TRUNKLINE_CONFIG": str(path)}).server.port == 9
    monkeypatch.chdir(path.parent)
    assert load(environ={}).server.port == 9


def test_a_byte_order_mark_of_an_editor_is_no_part_of_the_file(write) -> None:
    assert load(write("\ufeff[server]\nport = 9000"), {}).server.port == 9000


def test_a_variable_that_is_empty_counts_as_not_set() -> None:
    assert load(environ={"TRUNKLINE_SERVER__PORT": ""}).server.port == 8080


@pytest.mark.parametrize("text", ["shop.py, shop.orders", '["shop.py", "shop.orders"]'])
def test_a_list_in_a_variable_has_commas_or_is_json(text: str) -> None:
    modules = load(environ={"TRUNKLINE_TOOLS__MODULES": text}).tools.modules
    assert modules == (str(Path("shop.py").absolute()), "shop.orders")


def test_paths_are_meant_from_the_folder_of_the_file(write) -> None:
    path = write(
        "[taps]\njournal = 'kept/journals'\n[assistant]\nca_file = 'our.pem'\n"
        "[tools]\nmodules = ['my.py', 'lib.orders', '/abs.py']\n"
    )
    settings = load(path, {})
    assert settings.taps.journal == str(path.parent / "kept/journals")
    assert settings.taps.recording == ""
    assert settings.assistant.ca_file == str(path.parent / "our.pem")
    assert settings.tools.modules == (str(path.parent / "my.py"), "lib.orders", "/abs.py")


def test_a_key_in_the_settings_means_openai_but_one_in_the_environment_alone_does_not() -> None:
    assert load(environ={"OPENAI_API_KEY": "sk-1"}).assistant.kind == "embedded"
    asked = load(environ={"TRUNKLINE_ASSISTANT__API_KEY": "sk-2", "OPENAI_API_KEY": "sk-1"})
    assert asked.assistant.kind == "openai"
    assert asked.assistant.api_key.reveal() == "sk-2"


def test_openai_takes_its_key_and_address_from_the_usual_variables() -> None:
    environ = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "https://here/v1"}
    assistant = load(environ=environ | {"TRUNKLINE_ASSISTANT__KIND": "openai"}).assistant
    assert assistant.api_key.reveal() == "sk-1"
    assert assistant.base_url == "https://here/v1"


def test_a_key_for_openai_is_not_sent_to_another_server() -> None:
    environ = {"TRUNKLINE_ASSISTANT__KIND": "azure", "OPENAI_API_KEY": "sk-1"}
    assert "needs assistant.api_key, which is empty" in complaint(environ=environ)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().server.port = 1


def test_secrets_are_never_printed(write) -> None:
    path = write(
        "[server]\ntoken = 'sesame'\n[assistant]\napi_key = 'sesame'\n"
        "[assistant.mind]\napi_key = 'sesame'\n"
    )
    settings = load(path, {})
    shown = (str(settings), repr(settings), settings.model_dump_json(), render(settings))
    assert not [text for text in shown if "sesame" in text]
    assert settings.server.token.reveal() == "sesame"


def test_a_secret_of_the_wrong_kind_is_not_printed_either(write) -> None:
    said = complaint(write("[assistant]\napi_key = 271828\n"))
    assert "assistant.api_key should be a valid string" in said
    assert "271828" not in said


def test_a_wrong_value_names_file_key_what_came_and_an_example(write) -> None:
    path = write("[server]\nport = 'eighty'\n[turns]\ndetector = 'guess'\n")
    first, second = complaint(path).splitlines()
    assert first.startswith(f"{path}: server.port should be a valid integer")
    assert first.endswith("but is 'eighty'; for example: port = 8080")
    assert "'gateway', 'server' or 'semantic', but is 'guess'" in second
    assert second.endswith('for example: detector = "gateway"')


def test_a_wrong_variable_is_named_instead_of_the_file() -> None:
    said = complaint(environ={"TRUNKLINE_SERVER__PORT": "99999"})
    assert said.startswith("TRUNKLINE_SERVER__PORT: server.port should be less than")
    assert said.endswith("but is '99999'; for example: TRUNKLINE_SERVER__PORT=8080")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("[server]\nprot = 1", "no key server.prot; did you mean server.port?"),
        ("[assistant.mind]\nbaseurl = ''", "did you mean assistant.mind.base_url?"),
        ("[server]\nvoice = 'x'", "no key server.voice; did you mean assistant.voice?"),
        ("[turn]\nhang_over_ms = 300", "no key turn; did you mean turns?"),
        ("[log]\nzzz = 1", "no key log.zzz; there are: log.format, log.level"),
        (
            "[[budget.prices]]\nmodel = 'x'\ntext = { price = 4.0 }",
            "no key budget.prices.text.price; there are: input, cached, output",
        ),
        ("voice = 'x'", "no key voice; did you mean assistant.voice?"),
    ],
)
def test_a_misspelt_key_is_answered_with_the_nearest(write, text: str, advice: str) -> None:
    assert advice in complaint(write(text))


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("TRUNKLINE_SERVER_PORT", "did you mean TRUNKLINE_SERVER__PORT?"),
        ("TRUNKLINE_ASSISTANT__MIND__MODLE", "did you mean TRUNKLINE_ASSISTANT__MIND__MODEL?"),
        ("TRUNKLINE_XYZ", "named like TRUNKLINE_SERVER__PORT"),
    ],
)
def test_a_misspelt_variable_is_answered_with_the_nearest(name: str, advice: str) -> None:
    said = complaint(environ={name: "1"})
    assert said.startswith(f"{name}: there is no such setting")
    assert advice in said


def test_a_section_that_is_a_plain_value_is_refused_in_words(write) -> None:
    said = complaint(write("server = 5\n"))
    assert "server should be a table; for example: [server] on a line of its own" in said
    said = complaint(write("assistant = 5\n"), {"TRUNKLINE_ASSISTANT__MIND__MODEL": "x"})
    assert "[assistant] on a line of its own" in said


def test_a_file_that_is_no_toml_says_where(write) -> None:
    assert "line 2" in complaint(write("[server]\nport 8080\n"))


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in complaint(tmp_path / "none.toml")
    assert "cannot be read: Is a directory" in complaint(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"voice = '\xe9'")
    assert "not UTF-8" in complaint(tmp_path / "latin.toml")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example", ""])
def test_beyond_loopback_it_refuses_to_start_without_a_token_and_says_how(write, host: str) -> None:
    path = write(f"[server]\nhost = '{host}'\n")
    said = complaint(path)
    assert "server.token is empty" in said
    assert "TRUNKLINE_SERVER__TOKEN" in said
    assert load(path, {"TRUNKLINE_SERVER__TOKEN": "word"}).server.host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert load(environ={"TRUNKLINE_SERVER__HOST": host}).server.host == host


def test_a_chat_mind_needs_an_address_and_a_model() -> None:
    said = complaint(environ={"TRUNKLINE_ASSISTANT__MIND__KIND": "chat"})
    assert "needs assistant.mind.base_url" in said
    assert 'base_url = "http://localhost:11434/v1"' in said


def test_what_answers_no_call_needs_neither_a_key_nor_a_token(write) -> None:
    path = write("[server]\nhost = '0.0.0.0'\n[assistant]\nkind = 'openai'\n")
    assert load(path, environ={}, answers=False).assistant.kind == "openai"
    assert "server.token is empty" in complaint(path)


def test_the_example_lists_every_key_with_its_default() -> None:
    text = (ROOT / "trunkline.example.toml").read_text()
    assert text == render(Settings()), (
        "run: python -m gateway.settings.example > trunkline.example.toml"
    )
    plain = "\n".join(
        line[1:] if line.startswith("#") and not line.startswith("# ") else line
        for line in text.splitlines()
    )
    assert Settings.model_validate(tomllib.loads(plain)) == Settings()


def test_the_example_shows_each_table_once_and_no_space_at_the_end_of_a_line() -> None:
    lines = (ROOT / "trunkline.example.toml").read_text().splitlines()
    tables = [line for line in lines if line.strip("# ").startswith("[") and "[[" not in line]
    assert len(tables) == len(set(tables))
    assert not any(line.endswith(" ") for line in lines)
