"""The `trunkline` command: runs the sub-command and turns its errors into one sentence."""

from __future__ import annotations

import argparse
import os
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from gateway import interrupts
from gateway.errors import TrunklineError

COMMANDS = (
    "serve",
    "call",
    "calls",
    "forget",
    "export",
    "keys",
    "token",
    "audit",
    "knowledge",
    "guard",
    "dial",
    "demo",
    "load",
    "assistant",
    "replay",
    "prepare",
    "doctor",
    "tools",
    "settings",
    "version",
)


class Command(Protocol):
    """What a module of gateway.commands offers; its docstring's first line is the help."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare what the command takes."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the answer is the exit status. Heavy imports belong in here."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run `trunkline` with these arguments; the answer is the exit status."""
    args = _read(sys.argv[1:] if argv is None else argv)
    command = cast(Command, args.command)
    interrupts.end_well()
    try:
        status = command.run(args)
        sys.stdout.flush()
        return status
    except (TrunklineError, ExceptionGroup) as error:
        if args.debug or (said := _sentence(error)) is None:
            raise
        sys.stderr.write(f"trunkline: {said}\n")
        return 2
    except KeyboardInterrupt:
        return interrupts.INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `trunkline ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _read(given: Sequence[str]) -> argparse.Namespace:
    """What is asked for; what cannot be is answered with the usage, and status 2."""
    asked = next(iter(given), "")
    parser = _parser(asked)
    if asked.startswith(("--config", "--debug")):
        example = "trunkline serve --config FILE"
        parser.error(f"expected a command first, as in `{example}`, but {asked} came")
    if asked and not asked.startswith("-") and asked not in COMMANDS:
        from difflib import get_close_matches  # for those who mistyped something, and no others

        near = get_close_matches(asked, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(COMMANDS)}"
        parser.error(f"there is no command {asked!r}; {hint}")
    args, unknown = parser.parse_known_args(given)
    if unknown:  # told with what this command takes, not with what all do
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return args


def _sentence(error: Exception) -> str | None:
    """What to tell the user; nothing where any of it is a fault of our own."""
    leaves = list(_leaves(error))
    if not all(isinstance(leaf, TrunklineError) for leaf in leaves):
        return None
    return "\n".join(dict.fromkeys(map(str, leaves)))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


class _Version(argparse.Action):
    """Says which Trunkline this is, and looks it up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *of: object) -> None:
        from gateway.version import version

        parser.exit(message=f"trunkline {version()}\n")


def _parser(asked: str) -> argparse.ArgumentParser:
    """Of all commands, with what the one that is asked for takes; no other is loaded."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, metavar="FILE", help="instead of ./trunkline.toml")
    common.add_argument("--debug", action="store_true", help="show errors with their traceback")
    parser = argparse.ArgumentParser(
        prog="trunkline",
        description="A realtime voice assistant gateway: callers on one side, a speech-to-speech"
        " model on the other.",
    )
    about = "show program's version number and exit"
    parser.add_argument("--version", action=_Version, nargs=0, help=about)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for name in COMMANDS:
        about = _about(name)
        child = commands.add_parser(name, parents=[common], help=about, description=about)
        if name == asked:
            command = cast(Command, import_module(f"gateway.commands.{name}"))
            command.add_arguments(child)
            child.set_defaults(command=command, parser=child)
    return parser


def _about(name: str) -> str:
    """What a command is for: its file begins with that, and need not be loaded for it."""
    opening = (pkgutil.get_data("gateway.commands", f"{name}.py") or b"").partition(b"\n")[0]
    return opening.decode().rstrip('"').partition(": ")[2]


if __name__ == "__main__":
    sys.exit(main())
