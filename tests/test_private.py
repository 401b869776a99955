"""Private values do not show."""

from __future__ import annotations

import copy
import pickle

import pytest

from gateway.private import Private


def test_a_private_value_shows_nowhere_and_can_be_asked_for() -> None:
    secret = Private("sk-123456")
    shown = f"{secret} {secret!r} {secret!s} {secret:>20} {[secret]}"
    assert "sk-" not in shown
    assert "%s" % secret == "Private(...)"  # noqa: UP031  this way of printing counts too
    assert secret.reveal() == "sk-123456"


def test_a_private_value_is_true_and_equal_as_what_it_holds() -> None:
    assert Private("a")
    assert not Private("")
    assert Private("a") == Private("a")
    assert Private("a") != Private("b")
    assert Private("a") != "a"
    assert len({Private("a"), Private("a")}) == 1


def test_a_private_value_does_not_leave_the_process() -> None:
    with pytest.raises(TypeError, match="reveal"):
        pickle.dumps(Private("a"))


def test_a_copy_is_the_same() -> None:
    secret = Private("a")
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret
