"""Preparing the model: found but not imported, made once, whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

from gateway.embedded import prepare as prepare_module
from gateway.embedded.prepare import (
    default_cache,
    describe,
    find_weights,
    is_prepared,
    load,
    prepare,
)
from gateway.errors import AssistantError


def hide(monkeypatch: pytest.MonkeyPatch, *hidden: str) -> None:
    monkeypatch.setattr(
        prepare_module, "find_spec", lambda name: None if name in hidden else find_spec(name)
    )


# ---------------------------------------------------------------- finding


@pytest.mark.models
def test_the_package_is_found_without_loading_its_library() -> None:
    code = (
        "import sys; from gateway.embedded.prepare import find_weights; print(find_weights().model)"
        "; assert not [name for name in sys.modules if name.startswith('moonshine')]"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "base-en"), ran.stderr


def test_without_any_model_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "moonshine_cpp", "moonshine_voice")
    with pytest.raises(AssistantError, match=r'pip install "trunkline\[assistant\]"'):
        find_weights()


@pytest.mark.models
def test_without_onnx_the_package_to_install_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hide(monkeypatch, "onnx")
    with pytest.raises(AssistantError, match="needs onnx, not installed"):
        prepare(cache=tmp_path)


def test_the_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TRUNKLINE_CACHE", raising=False)
    assert default_cache() == tmp_path / "trunkline"
    monkeypatch.setenv("TRUNKLINE_CACHE", str(tmp_path / "mine"))
    assert default_cache() == tmp_path / "mine"


@pytest.mark.models
def test_onnxruntime_reports_nothing_to_its_maker(tmp_path: Path, models_cache: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gateway.embedded.prepare import load, prepare;"
        " load(prepare(cache=Path(sys.argv[1])))"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ORT_")}
    environment |= {"TMPDIR": str(tmp_path), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, str(models_cache)], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []  # its reporter keeps a session file there


# ---------------------------------------------------------------- the prepared model


@pytest.mark.models
def test_what_is_prepared_is_used_at_once_and_says_what_it_is(models_cache: Path) -> None:
    told: list[tuple[str, float]] = []
    folder = prepare(lambda what, fraction: told.append((what, fraction)), models_cache)
    assert told == [("ready", 1.0)]
    assert is_prepared(models_cache)
    assert describe(folder)["version"] == metadata.version("moonshine-cpp")
    assert describe(folder)["form"] in ("int8", "int8-reduced", "float")
    assert {file.name for file in folder.iterdir()} == {
        *("encoder.onnx", "kv.onnx", "step.onnx", "tokenizer.bin", "about.json"),
        *("encoder.weights", "kv.weights", "step.weights"),
    }


@pytest.fixture
def copied(models_cache: Path, tmp_path: Path) -> Path:
    """A prepared model of one's own, to spoil; of links, so it costs no room."""
    source = prepare(cache=models_cache)
    return Path(
        shutil.copytree(source, tmp_path / "moonshine" / source.name, copy_function=os.symlink)
    )


@pytest.mark.models
@pytest.mark.parametrize("name", ["encoder.onnx", "kv.weights", "step.weights", "tokenizer.bin"])
def test_a_spoilt_file_is_noticed(copied: Path, name: str) -> None:
    data = bytearray((copied / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copied / name).unlink()  # or the original would be spoilt with it
    (copied / name).write_bytes(data)
    with pytest.raises(AssistantError, match=rf"{name} is not as it was .* prepare --force"):
        load(copied)


@pytest.mark.models
@pytest.mark.parametrize("name", ["kv.onnx", "about.json"])
def test_a_missing_file_is_noticed(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(AssistantError, match=r"incomplete .* trunkline prepare --force"):
        load(copied)


@pytest.mark.models
@pytest.mark.parametrize("about", ["", "[]", "{}", '{"files": []}'])
def test_a_spoilt_description_is_noticed(copied: Path, about: str) -> None:
    (copied / "about.json").unlink()
    (copied / "about.json").write_text(about)
    with pytest.raises(AssistantError, match=r"incomplete .* trunkline prepare --force"):
        load(copied)


# ---------------------------------------------------------------- making it


@pytest.mark.models
@pytest.mark.timeout(300)
def test_two_at_once_make_it_once_and_an_older_one_goes(tmp_path: Path) -> None:
    home = tmp_path / "moonshine"
    (home / "base-en-0.0.1-r0").mkdir(parents=True)
    (home / ".partial-of-one-that-was-killed").mkdir()
    told: list[str] = []
    found: list[Path] = []

    def one() -> None:
        found.append(prepare(lambda what, _fraction: told.append(what), tmp_path))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert told.count("reading the encoder") == 1
    assert sorted(file.name for file in home.iterdir()) == [".lock", found[0].name]
    assert load(found[0]).transcribe(bytes(32_000)) == ""


@pytest.mark.models
def test_a_conversion_that_fails_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "site" / "moonshine_cpp" / "models" / "base-en"
    shutil.copytree(find_weights().folder, package)
    (package / "encoder_model.ort").write_bytes(b"no graph")
    (tmp_path / "site" / "moonshine_cpp" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert find_weights().folder == package
    with pytest.raises(AssistantError, match=r"converting moonshine-cpp .* failed \(status 1\)"):
        prepare(cache=tmp_path)
    assert [file.name for file in (tmp_path / "moonshine").iterdir()] == [".lock"]


@pytest.mark.models
def test_a_full_disk_is_said_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(AssistantError, match=r"No space left on device.*TRUNKLINE_CACHE"):
        prepare(cache=tmp_path)
    assert not is_prepared(tmp_path)
    with (tmp_path / "moonshine" / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody holds it any more


@pytest.mark.models
def test_whoever_gives_up_waiting_stops_the_conversion(tmp_path: Path) -> None:
    def give_up(_what: str, _fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(give_up, tmp_path)
    assert [file.name for file in (tmp_path / "moonshine").iterdir()] == [".lock"]


# ---------------------------------------------------------------- the fallback


@pytest.mark.models
def test_the_tiny_model_is_the_fallback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clip: object
) -> None:
    if find_spec("moonshine_voice") is None:
        pytest.skip("moonshine-voice 0.1.0 is not installed")
    hide(monkeypatch, "moonshine_cpp")
    folder = prepare(cache=tmp_path)
    assert folder.name.startswith("tiny-en-")
    assert describe(folder)["form"] == "shipped"
    assert callable(clip)
    heard = load(folder).transcribe(clip("sense_and_sensibility_0930").pcm)
    assert heard == "He might even have been made amiable himself."
