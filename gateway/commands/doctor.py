"""`trunkline doctor`: say what is configured, what is missing, and how to mend it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict

from gateway.doctor import Finding, examine, is_well, try_out
from gateway.settings import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--live", action="store_true", help="ask the model for an answer, for real")
    parser.add_argument("--json", action="store_true", help="one JSON object for programs")


def run(args: argparse.Namespace) -> int:
    findings = examine(args.config)
    if args.live and all(one.subject != "settings" or one.status == "ok" for one in findings):
        findings += asyncio.run(try_out(load(args.config)))
    if args.json:
        report = {"well": is_well(findings), "findings": [asdict(one) for one in findings]}
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        _print(findings)
    return 0 if is_well(findings) else 1


def _print(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.text import Text

    colours = {"ok": "green", "note": "cyan", "missing": "yellow", "broken": "red"}
    console = Console(highlight=False, soft_wrap=True)
    width = max(len(one.subject) for one in findings)
    for one in findings:
        line = Text.assemble((f"{one.status:<8}", colours[one.status]), f"{one.subject:<{width}}  ")
        console.print(line.append(one.detail))
        if one.mend:
            console.print(Text(f"{'':<8}{'':<{width}}  → {one.mend}", style="bold"))
