"""Serving the page: headers, unchanged files, and what is not there."""

from __future__ import annotations

import re

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from gateway.doors.page import routes
from gateway.files import client_dir

client = TestClient(Starlette(routes=routes(client_dir())))


def test_the_page_may_load_its_own_files_and_nothing_else() -> None:
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    for address in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert client.get("/" + address).status_code == 200


def test_an_unchanged_file_is_not_sent_again() -> None:
    tag = client.get("/client/app.js").headers["etag"]
    answer = client.get("/client/app.js", headers={"if-none-match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "../pyproject.toml", "..%2fpyproject.toml"])
def test_only_the_page_is_served(name: str) -> None:
    assert client.get(f"/client/{name}").status_code == 404


def test_modules_import_nothing_from_elsewhere() -> None:
    for path in client_dir().glob("*.js"):
        text = path.read_text()
        assert not re.search(r"https?://(?!localhost)\w", text), path.name
        for source in re.findall(r'from "([^"]+)"', text):
            assert (client_dir() / source).is_file()
