"""`trunkline tools`: list the tools that there are, show their schemas, or call one."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gateway.errors import TrunklineError
from gateway.settings import load

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.toolbelt.sources import OpenTools
    from tools import AnyTool, Image, ToolContext


def add_arguments(parser: argparse.ArgumentParser) -> None:
    module: dict[str, Any] = {
        "metavar": "FILE",
        "action": "append",
        "help": "a tool module besides",
    }
    parser.add_argument("--tools", default=[], **module)
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    listing = what.add_parser("list", help="name, source and purpose of each")
    listing.add_argument("--json", action="store_true", help="one JSON array for programs")
    schema = what.add_parser("schema", help="what a model is told of them, as JSON")
    schema.add_argument("name", nargs="?", help="of one tool; without it, of all")
    call = what.add_parser("call", help="run one, as a call would")
    call.add_argument("name")
    call.add_argument("arguments", nargs="?", default="{}", help='as JSON: \'{"city": "Oslo"}\'')
    call.add_argument("--caller", default="", help="who calls, such as +15550100")
    call.add_argument("--metadata", metavar="NAME=VALUE", action="append", default=[])
    call.add_argument(
        "--image", metavar="FILE", action="append", default=[], help="a picture that was sent"
    )
    for one in (listing, schema, call):  # whoever writes it behind means the same
        one.add_argument("--tools", dest="more_tools", default=[], **module)


def run(args: argparse.Namespace) -> int:
    from gateway import log

    settings = load(args.config, answers=False)
    log.setup(settings.log.format, "warning")
    more = tuple(map(_absolute, (*args.tools, *args.more_tools)))
    modules = {"modules": (*settings.tools.modules, *more), "reload": False}
    tools = settings.tools.model_copy(update=modules)
    return asyncio.run(_run(args, settings.model_copy(update={"tools": tools})))


async def _run(args: argparse.Namespace, settings: Settings) -> int:
    from gateway.running.standing import open_kept
    from gateway.toolbelt.sources import open_tools

    async with open_kept(settings) as kept, open_tools(settings.tools, kept=kept) as tools:
        _tell_of_links(tools)
        if args.what == "list":
            return _list(tools, as_json=args.json)
        if args.what == "schema":
            return _schema(tools, args.name)
        return await _call(tools, args)


def _tell_of_links(tools: OpenTools) -> None:
    for link in tools.links:
        if link.status.state != "ready":
            sys.stderr.write(
                f"trunkline: the MCP server {link.status.name} is not ready:"
                f" {link.status.reason or 'it has not answered yet'}\n"
            )


def _list(tools: OpenTools, *, as_json: bool) -> int:
    rows = [
        (one.spec.name, tools.toolbox.source(one.spec.name), one) for one in tools.toolbox.tools
    ]
    if as_json:
        table = [
            {"name": name, "source": source, "description": one.spec.description, **_marks(one)}
            for name, source, one in rows
        ]
        sys.stdout.write(json.dumps(table, indent=2, ensure_ascii=False) + "\n")
        return 0
    wide = max((len(name) for name, _, _ in rows), default=0)
    far = max((len(source) for _, source, _ in rows), default=0)
    for name, source, one in rows:
        mark = " [after consent]" if one.policy.confirm else ""
        line = f"{name:<{wide}}  {source:<{far}}  {one.spec.description}{mark}"
        sys.stdout.write(line.rstrip() + "\n")
    return 0


def _marks(one: AnyTool) -> dict[str, bool]:
    return {"confirm": one.policy.confirm, "side_effects": one.policy.side_effects}


def _schema(tools: OpenTools, name: str | None) -> int:
    specs = [_spec(_known(tools, name))] if name else [_spec(one) for one in tools.toolbox.tools]
    shown: Any = specs[0] if name else specs
    sys.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")
    return 0


def _spec(one: AnyTool) -> dict[str, Any]:
    spec = one.spec
    return {"name": spec.name, "description": spec.description, "parameters": spec.parameters}


async def _call(tools: OpenTools, args: argparse.Namespace) -> int:
    one = _known(tools, args.name)
    if one.policy.confirm:
        sys.stderr.write(f"trunkline: in a call, {args.name} asks the caller first\n")
    result = await tools.toolbox.run(args.name, args.arguments, _context(args))
    sys.stdout.write(result.output + "\n")
    return 1 if result.failed else 0


def _context(args: argparse.Namespace) -> ToolContext:
    """A context whose orders are told, as there is no call that could carry them out."""
    from tools import ToolContext

    def told(what: str) -> Callable[[str], None]:
        return lambda words: _tell(f"{what}: {words}")

    metadata = dict(_pair(pair) for pair in args.metadata)
    return ToolContext(
        call_id="command",
        caller=args.caller,
        metadata=metadata,
        hang_up=told("it hangs up"),
        say=told("it says"),
        progress=lambda words, share=None: _tell(f"it is at work: {words}"),
        transfer=told("it transfers the caller to"),
        send_digits=told("it presses"),
        key="command",
        images=tuple(map(_image, args.image)),
    )


def _tell(words: str) -> None:
    sys.stderr.write(f"trunkline: {words}\n")


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise TrunklineError(f"--metadata {text}: expected NAME=VALUE")
    return name, value


def _image(name: str) -> Image:
    import mimetypes
    from pathlib import Path

    from tools import Image

    kind = mimetypes.guess_type(name)[0] or ""
    if not kind.startswith("image/"):
        raise TrunklineError(f"--image {name}: expected a picture, such as receipt.png")
    try:
        return Image(kind, Path(name).read_bytes(), Path(name).name)
    except OSError as error:
        raise TrunklineError(f"--image {name}: {error.strerror}") from error


def _known(tools: OpenTools, name: str) -> AnyTool:
    import difflib

    one = tools.toolbox.find(name)
    if one is None:
        there = [each.spec.name for each in tools.toolbox.tools]
        near = difflib.get_close_matches(name, there, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(there) or 'none'}"
        raise TrunklineError(f"there is no tool {name}; {hint}")
    return one


def _absolute(tools: str) -> str:
    from pathlib import Path

    return str(Path(tools).absolute()) if tools.endswith(".py") or "/" in tools else tools
