"""The `trunkline` command as users meet it: a real process, from a wheel or editable."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import sysconfig
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import websockets.sync.client

from gateway import cli
from gateway.errors import SettingsError, TrunklineError

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
OPENAI = {"TRUNKLINE_ASSISTANT__KIND": "openai", "OPENAI_API_KEY": "sk-sesame"}
BUILD = "import sys, hatchling.build as build; print(getattr(build, sys.argv[1])(sys.argv[2]))"


def clean(**more: str) -> dict[str, str]:
    """The environment without what would change the command's mind."""
    prefixes = ("TRUNKLINE_", "OPENAI_", "PYTHON", "COV")
    return {k: v for k, v in os.environ.items() if not k.startswith(prefixes)} | more


def run(
    *command: str | Path, cwd: Path = ROOT, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=environ or clean(), capture_output=True, text=True, check=False
    )


def trunkline(
    *arguments: str, cwd: Path = ROOT, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The command from this checkout, whatever else is installed."""
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from gateway.launch import main"
    code = f"{start}; sys.exit(main())"
    return run(sys.executable, "-P", "-c", code, *arguments, cwd=cwd, environ=environ)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    made = {}
    for name in ("wheel", "editable"):
        built = run(sys.executable, "-c", BUILD, f"build_{name}", str(folder / name))
        assert built.returncode == 0, built.stderr
        made[name] = folder / name / built.stdout.split()[-1]
    return made


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(
    request: pytest.FixtureRequest,
    wheels: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of the commands of a new environment, which borrows our packages' dependencies."""
    home = tmp_path_factory.mktemp(request.param)
    made = run(sys.executable, "-m", "venv", "--without-pip", str(home))
    assert made.returncode == 0, made.stderr
    (site,) = home.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    put = (*("uv", "pip", "install", "--quiet", "--offline", "--no-deps"), "--python", home)
    done = run(sys.executable, "-m", *put, wheels[request.param])
    assert done.returncode == 0, done.stderr
    return home / "bin"


# ---------------------------------------------------------------- installed


def test_the_wheel_carries_the_page_the_samples_and_the_door(wheels: dict[str, Path]) -> None:
    names = zipfile.ZipFile(wheels["wheel"]).namelist()
    assert {"trunkline_launch.py", "gateway/py.typed", "audio/py.typed", "tools/py.typed"} <= set(
        names
    )
    for folder in ("client", "samples"):
        there = {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.*")}
        carried = {name.removeprefix("gateway/share/") for name in names}
        assert {name for name in there if "__pycache__" not in name} <= carried


def test_it_runs_where_it_is_installed(installed: Path, tmp_path: Path) -> None:
    done = run(installed / "trunkline", "version", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"trunkline {VERSION} (")


@pytest.mark.parametrize("name", ["tools", "audio", "gateway"])
def test_a_package_on_pythonpath_that_shadows_ours_is_named(
    installed: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    done = run(installed / "trunkline", "version", environ=clean(PYTHONPATH=str(tmp_path)))
    assert done.returncode == 2
    assert f"the package {name!r} at {tmp_path / name} stands in the way" in done.stderr
    assert "env -u PYTHONPATH trunkline" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_module_in_the_current_folder_that_shadows_ours_is_named(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "tools.py").touch()
    done = run(installed / "python", "-m", "gateway", "version", cwd=tmp_path)
    assert done.returncode == 2
    assert f"the module 'tools' at {tmp_path / 'tools.py'} stands in the way" in done.stderr
    assert "it lies in the current folder" in done.stderr


def test_a_mere_folder_of_the_same_name_is_no_obstacle(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    done = run(installed / "python", "-m", "gateway", "version", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- its errors


def test_help_names_the_commands_with_what_they_are_for() -> None:
    done = trunkline("--help")
    assert done.returncode == 0
    assert "say what is configured, what is missing," in done.stdout
    assert {line.split()[0] for line in done.stdout.splitlines() if line.strip()} >= set(
        cli.COMMANDS
    )


NO_COMMAND = {
    "": "usage: trunkline [-h]",
    "serf": "there is no command 'serf'; did you mean serve?",
    "xyzzy": "there is no command 'xyzzy'; there are: serve, ",
    "version --nonsense": "usage: trunkline version [-h]",
    "--config x.toml serve": "expected a command first, as in `trunkline serve",
}


@pytest.mark.parametrize("typed", NO_COMMAND)
def test_what_is_no_command_is_answered_with_what_there_is(typed: str, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(typed.split())
    assert NO_COMMAND[typed] in capsys.readouterr().err


def test_a_broken_setting_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "trunkline.toml").write_text("[server]\nprot = 1\n")
    done = trunkline("settings", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "trunkline: trunkline.toml: there is no key server.prot; did you mean server.port?\n"
    )
    assert "Traceback" in trunkline("settings", "--debug", cwd=tmp_path).stderr


def test_settings_are_printed_without_their_secrets(tmp_path: Path) -> None:
    environ = clean(TRUNKLINE_SERVER__PORT="9", TRUNKLINE_SERVER__TOKEN="sesame")
    done = trunkline("settings", cwd=tmp_path, environ=environ)
    assert "\nport = 9\n" in done.stdout
    assert "sesame" not in done.stdout
    assert tomllib.loads(done.stdout)["server"] == {"port": 9, "token": ""}


def test_an_output_that_nobody_reads_on_is_no_fault() -> None:
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from gateway.cli import main"
    code = f"{start}; sys.exit(main(['settings', '--defaults']))"
    command = [sys.executable, "-P", "-c", code]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as nowhere:
        done = subprocess.run(
            command, env=clean(), stdout=nowhere, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_errors_of_a_group_are_said_once_each_and_faults_of_our_own_keep_their_traceback() -> None:
    lost = TrunklineError("the line is down")
    group = ExceptionGroup("a call", [lost, ExceptionGroup("a leg", [SettingsError("no"), lost])])
    assert cli._sentence(group) == "the line is down\nno"
    assert cli._sentence(ExceptionGroup("a call", [lost, ValueError("oh")])) is None


# ---------------------------------------------------------------- Ctrl-C

# What loads a module of that name is disturbed, and loses the exception if there is one.
DISTURBED = """
import signal
class Careless:
    def find_spec(self, name, path, target=None):
        if name == {!r}:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                pass
sys.meta_path.insert(0, Careless())
"""


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("gateway.cli", ["version"]), ("gateway.running.serving", ["serve", "--port", "0"])],
    ids=["a command", "serve"],
)
def test_ctrl_c_while_a_command_loads_ends_it_without_a_word(
    tmp_path: Path, module: str, arguments: list[str]
) -> None:
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}){DISTURBED.format(module)}"
    code = f"{start}from gateway.launch import main; sys.exit(main())"
    done = run(sys.executable, "-P", "-c", code, *arguments, cwd=tmp_path, environ=clean(**OPENAI))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


# ---------------------------------------------------------------- serving


@contextmanager
def serving(*arguments: str, cwd: Path, environ: dict[str, str]) -> Iterator[str]:
    """The address of a command that serves; told to stop at the end, which it must do well."""
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from gateway.cli import main"
    process = subprocess.Popen(
        (sys.executable, "-P", "-c", f"{start}; sys.exit(main())", *arguments),
        cwd=cwd,
        env=environ | {"TRUNKLINE_LOG__FORMAT": "json", "TRUNKLINE_LIMITS__LAG_MS": "0"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process:
        try:
            said = process.stderr.readline()
            ready = json.loads(said) if said.startswith("{") else {}
            assert ready.get("message") == "ready", said
            yield ready["address"]
        finally:
            process.terminate()
        rest = process.stderr.read()
    assert process.returncode == 0, rest
    assert "sesame" not in said + rest


def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with (
        serving("serve", "--port", "0", cwd=tmp_path, environ=clean(**OPENAI)) as address,
        urllib.request.urlopen(f"{address}/readyz", timeout=10) as answer,
    ):
        assert json.load(answer)["ready"]


@pytest.mark.models
def test_the_embedded_assistant_runs_by_itself(tmp_path: Path) -> None:
    environ = clean(TRUNKLINE_SERVER__TOKEN="sesame")
    with serving("assistant", "--port", "0", cwd=tmp_path, environ=environ) as address:
        with websockets.sync.client.connect(address) as stranger:
            assert json.loads(stranger.recv())["error"]["code"] == "invalid_api_key"
        shown = {"Authorization": "Bearer sesame"}
        with websockets.sync.client.connect(address, additional_headers=shown) as client:
            assert json.loads(client.recv())["type"] == "session.created"


def test_a_port_in_use_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = trunkline("serve", "--port", port, cwd=tmp_path, environ=clean(**OPENAI))
    assert done.returncode == 2
    assert done.stderr.startswith(f"trunkline: cannot listen on 127.0.0.1:{port}: port {port} is")
    assert done.stderr.count("\n") == 1


def test_it_does_not_open_to_the_world_without_a_token(tmp_path: Path) -> None:
    for command in ("serve", "assistant"):
        done = trunkline(command, "--host", "0.0.0.0", "--port", "0", cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("trunkline: --host: server.host is '0.0.0.0'")
        assert "TRUNKLINE_SERVER__TOKEN" in done.stderr


# ---------------------------------------------------------------- the doctor


def findings(tmp_path: Path, **more: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = trunkline("doctor", "--json", cwd=tmp_path, environ=clean(**more))
    report = json.loads(done.stdout)
    assert report["well"] == (done.returncode == 0)
    return done.returncode, {one["subject"]: one for one in report["findings"]}


def test_the_doctor_finds_a_port_that_is_in_use_and_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, found = findings(tmp_path, TRUNKLINE_SERVER__PORT=str(port))
    assert status == 1
    assert found["port"]["status"] == "broken"
    assert f"port {port} is in use" in found["port"]["detail"]


def test_the_doctor_says_what_is_wrong_with_the_settings(tmp_path: Path) -> None:
    (tmp_path / "trunkline.toml").write_text("[turns]\ndetector = 'me'\n")
    status, found = findings(tmp_path)
    assert status == 1
    assert "turns.detector should be 'gateway'" in found["settings"]["detail"]


def test_the_doctor_sees_that_the_speech_model_is_not_prepared(tmp_path: Path) -> None:
    status, found = findings(tmp_path, TRUNKLINE_CACHE=str(tmp_path), TRUNKLINE_SERVER__PORT="0")
    assert status == 1
    assert found["speech model"]["mend"] == "trunkline prepare"


def test_the_doctor_is_content_with_a_key_for_openai_and_does_not_show_it(tmp_path: Path) -> None:
    environ = {
        "TRUNKLINE_ASSISTANT__KIND": "openai",
        "OPENAI_API_KEY": "sk-sesame",
        "TRUNKLINE_SERVER__PORT": "0",
    }
    status, found = findings(tmp_path, **environ)
    assert status == 0
    assert found["assistant"]["detail"] == "openai: the default model, a key is set"
    assert "sesame" not in json.dumps(found)


def test_the_doctor_looks_at_tools_and_folders(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "here.py").touch()
    (tmp_path / "trunkline.toml").write_text(
        "[taps]\njournal = 'kept'\nrecording = 'file/below'\n[tools]\nmodules = ['gone.py']\n"
    )
    _, found = findings(tmp_path)
    assert found["journal"]["status"] == "ok"
    assert found["recording"]["status"] == "broken"
    assert f"{tmp_path / 'gone.py'} is not there" in found["tools"]["detail"]


def test_the_doctor_speaks_to_people_too(tmp_path: Path) -> None:
    done = trunkline("doctor", cwd=tmp_path, environ=clean(OPENAI_API_KEY="sk-sesame"))
    assert "to use it: TRUNKLINE_ASSISTANT__KIND=openai" in done.stdout
    assert "sesame" not in done.stdout
