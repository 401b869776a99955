"""`trunkline dial`: have a running gateway call somebody through a carrier."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from gateway.errors import TrunklineError
from gateway.settings import Settings, load

ANSWERING = ("off", "detect", "hang_up")
SECONDS = 30.0  # for the carrier to take the order


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", help="whom to call, such as +15551234567")
    parser.add_argument("--via", required=True, metavar="BRIDGE", help="such as twilio")
    parser.add_argument("--from", dest="caller", default="", help="the number to show")
    parser.add_argument(
        "--answering",
        choices=ANSWERING,
        default="off",
        help="where a machine answers: say so in the call's data, or hang up (off)",
    )
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what lines and tools are to know of the call; may be given several times",
    )
    parser.add_argument("--url", default="", help="of the gateway; without it, as in the settings")


def run(args: argparse.Namespace) -> int:
    settings = load(args.config, answers=False)
    order = {
        "via": args.via,
        "to": args.number,
        "from": args.caller,
        "answering": args.answering,
        "metadata": dict(_pair(text) for text in args.data),
    }
    answer = _ask(args.url or _address(settings), settings.server.token.reveal(), order)
    sys.stdout.write(f"{answer['via']} calls {args.number}: {answer['id']}\n")
    return 0


def _ask(url: str, token: str, order: dict[str, Any]) -> dict[str, str]:
    from httpx2 import Client, HTTPError

    headers = {"authorization": f"Bearer {token}"} if token else {}
    place = f"{url.rstrip('/')}/api/calls"
    try:
        with Client(timeout=SECONDS, trust_env=False) as http:
            answer = http.post(place, json=order, headers=headers)
    except HTTPError as error:
        raise TrunklineError(
            f"no gateway answers at {url} ({type(error).__name__}); start one with: trunkline serve"
        ) from error
    try:
        said: dict[str, Any] = answer.json()
        if answer.is_success:
            return {"via": str(said["via"]), "id": str(said["id"])}
        why = said["error"]["message"]
    except (ValueError, KeyError, TypeError):
        why = f"it answered {answer.status_code}; is that a Trunkline gateway?"
    raise TrunklineError(f"the gateway at {url} places no call: {why}")


def _address(settings: Settings) -> str:
    host = settings.server.host
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return (
        f"http://[{host}]:{settings.server.port}"
        if ":" in host
        else (f"http://{host}:{settings.server.port}")
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise TrunklineError(
            f"--data: expected NAME=VALUE such as customer=4711, and {text!r} came"
        )
    return name, value
