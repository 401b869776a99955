"""Descriptors: how many files and sockets this process may open, and how many its calls want."""

from __future__ import annotations

import logging
import resource

PER_CALL = 6  # sockets of both legs and the files of the taps
SPARE = 64

log = logging.getLogger(__name__)


def wanted(calls: int) -> int:
    """By so many calls at once, at most."""
    return calls * PER_CALL + SPARE


def within_reach(files: int) -> int:
    """How many of these the system lets us open at best, without its administrator."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return files if most == resource.RLIM_INFINITY else min(files, most)


def allow(files: int) -> int:
    """See that we, and those that we begin, may open so many; gives how many of them we may."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now == resource.RLIM_INFINITY or now >= files:
        return files
    if (reached := within_reach(files)) <= now:
        return now
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (reached, most))
    except (OSError, ValueError):  # macOS has a limit of its own below that
        return now
    return reached


def make_room(calls: int) -> None:
    """For so many calls; says so where there is not enough."""
    files = wanted(calls)
    if (allowed := allow(files)) < files:
        mend = f"ulimit -n {files} as the administrator, or lower server.max_calls"
        said = "too few files may be opened for server.max_calls"
        log.warning(said, extra={"allowed": allowed, "wanted": files, "mend": mend})
