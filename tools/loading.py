"""Finds tools in a Python file or a module; says file, line and reason when that cannot be done."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeVar

from tools.spec import Tool

FACTORY = "make_tools"
T = TypeVar("T")


class ToolLoadError(Exception):
    """Tools could not be loaded; the message names the file, the line and the reason."""


def load_tools(source: str | Path | ModuleType, cleanup: ExitStack) -> list[Tool[..., Any]]:
    """The tools at a module's top level, in order, then those that its `make_tools` gives.

    `make_tools(cleanup: ExitStack) -> Iterable[Tool]` is for tools that share something, such as a
    database: what it pushes on the stack is let go of when the toolbox is closed.
    """
    module = _module(source)
    found = [value for value in vars(module).values() if isinstance(value, Tool)]
    factory = getattr(module, FACTORY, None)
    if factory is not None:
        made = _guarded(source, getattr(module, "__file__", None), lambda: list(factory(cleanup)))
        found += _checked(source, made)
    if not found:
        raise ToolLoadError(
            f"no tools in {_named(source)}: decorate a function with @tool, "
            f"or define {FACTORY}(cleanup) that returns some"
        )
    return found


def _module(source: str | Path | ModuleType) -> ModuleType:
    if isinstance(source, ModuleType):
        return source
    if isinstance(source, str) and not _is_path(source):
        return _by_name(source)
    return _from_file(Path(source))


def _is_path(source: str) -> bool:
    return source.endswith(".py") or "/" in source or "\\" in source


def _by_name(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ToolLoadError(f"{name!r} is neither a Python file (desk.py) nor a module (my.desk)")
    return _guarded(name, None, lambda: importlib.import_module(name))


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        hint = "it is a folder; name a file in it" if path.is_dir() else "there is no such file"
        raise ToolLoadError(f"cannot load tools from {path}: {hint}")
    full = path.resolve()
    name = f"trunkline_tools_{hashlib.sha256(str(full).encode()).hexdigest()[:12]}"
    loader = _Fresh(name, str(full)) if full.suffix == ".py" else None
    spec = importlib.util.spec_from_file_location(name, full, loader=loader)
    if spec is None or spec.loader is None:
        raise ToolLoadError(f"cannot load tools from {path}: not a Python file, expected *.py")
    module, execute = importlib.util.module_from_spec(spec), spec.loader.exec_module
    sys.modules[name] = module  # annotations are looked up there
    try:
        _guarded(path, str(full), lambda: execute(module))
    except ToolLoadError:
        sys.modules.pop(name, None)
        raise
    return module


class _Fresh(SourceFileLoader):
    """Compiles the file as it is: a cache would miss a second change within the same second."""

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _guarded(source: Any, file: str | None, load: Callable[[], T]) -> T:
    try:
        return load()
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {_reason(error)}"
        raise ToolLoadError(
            f"cannot load tools from {_named(source)}: {_place(error, file)}{reason}"
        ) from error


def _reason(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _place(error: BaseException, file: str | None) -> str:
    """File and line: where the syntax broke, else the last line of that file on the way."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: "
    frames = [frame for frame in _frames(error) if file in (None, frame.filename)]
    return f"{frames[-1].filename}, line {frames[-1].lineno}: " if frames else ""


def _frames(error: BaseException) -> Iterator[traceback.FrameSummary]:
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename != __file__ and "importlib" not in frame.filename:
            yield frame


def _checked(source: Any, made: Iterable[Any]) -> list[Tool[..., Any]]:
    tools = list(made)
    for item in tools:
        if not isinstance(item, Tool):
            raise ToolLoadError(
                f"{FACTORY} in {_named(source)} gave {type(item).__name__}, expected tools: "
                "wrap functions with tool(...)"
            )
    return tools


def _named(source: Any) -> str:
    return source.__name__ if isinstance(source, ModuleType) else str(source)
