"""A gateway may open as many files as its calls want, or says that it may not."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from gateway.running.descriptors import allow, make_room, wanted

KIND = resource.RLIMIT_NOFILE
FEW = 100


@pytest.fixture
def few() -> Iterator[None]:
    """Few files at first, as most systems have it; more may be had by asking."""
    before = resource.getrlimit(KIND)
    resource.setrlimit(KIND, (FEW, before[1]))
    yield
    resource.setrlimit(KIND, before)


@pytest.mark.usefixtures("few")
def test_what_the_system_gives_for_the_asking_is_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_room(30)
    assert resource.getrlimit(KIND)[0] == wanted(30) == allow(wanted(30))
    assert not caplog.records
    make_room(1)
    assert resource.getrlimit(KIND)[0] == wanted(30), "nothing is taken away"


@pytest.mark.usefixtures("few")
def test_a_limit_that_stands_is_told_of_at_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (FEW, FEW))
    make_room(30)
    (said,) = caplog.records
    assert said.message == "too few files may be opened for server.max_calls"
    assert (vars(said)["allowed"], vars(said)["wanted"]) == (FEW, wanted(30))
