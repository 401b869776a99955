"""Every source of tools opens from the settings; what is wrong with one stops the start."""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.doctor import examine
from gateway.errors import SettingsError
from gateway.running.standing import open_kept
from gateway.settings import load
from gateway.toolbelt.sources import open_tools
from tests.tools.shop import open_shop
from tools.http_client import sign

HERE = Path(__file__).parents[1]
DESK = [sys.executable, str(HERE / "tools" / "mcp_desk.py")]
OPENAPI = """
openapi: 3.1.0
info: {title: Shop, version: "1"}
paths:
  /orders/{number}:
    get:
      operationId: getOrder
      parameters: [{name: number, in: path, required: true, schema: {type: string}}]
    delete:
      operationId: cancelOrder
      parameters: [{name: number, in: path, required: true, schema: {type: string}}]
"""


@asynccontextmanager
async def tools_of(folder, text, **environ):
    path = folder / "trunkline.toml"
    path.write_text(text)
    settings = load(path, {})
    async with (
        open_kept(settings) as kept,
        open_tools(settings.tools, environ, kept=kept) as opened,
    ):
        yield opened


def names(opened):
    return [one.spec.name for one in opened.toolbox.tools]


async def test_without_settings_there_is_what_every_call_may_have(tmp_path):
    async with tools_of(tmp_path, "") as opened:
        assert names(opened) == ["current_time", "hang_up"]


async def test_sources_stand_beside_each_other_in_the_order_of_the_settings(tmp_path):
    (tmp_path / "mine.py").write_text(
        'from tools import tool\n\n@tool\ndef mine() -> str:\n    """Mine."""\n    return "1"\n'
    )
    (tmp_path / "shop.yaml").write_text(OPENAPI)
    (tmp_path / "manuals").mkdir()
    (tmp_path / "manuals" / "a.md").write_text("# Bells\n\nA bell costs 9.")
    async with open_shop() as shop:
        text = f"""
[tools]
modules = ["mine.py"]
knowledge = "manuals"
[tools.transfer]
sales = "+15550100"
[tools.network]
allow = ["{shop.address}"]
[[tools.http]]
name = "echo"
description = "Say it again."
method = "POST"
url = "{shop.address}/echo"
parameters = {{ properties = {{ words = {{ type = "string" }} }} }}
headers = {{ Authorization = "Bearer ${{SHOP_TOKEN}}" }}
confirm = true
[[tools.openapi]]
document = "shop.yaml"
operations = ["getOrder", "cancelOrder"]
base_url = "{shop.address}"
confirm = ["cancelOrder"]
[[tools.mcp]]
name = "desk"
command = {json.dumps(DESK)}
tools = ["order_status"]
approval = "confirm"
"""
        async with tools_of(tmp_path, text, SHOP_TOKEN="hush") as opened:
            assert names(opened) == [
                *("current_time", "hang_up", "transfer", "search_knowledge"),
                *("mine", "echo", "getOrder", "cancelOrder", "order_status"),
            ]
            asked_first = [one.spec.name for one in opened.toolbox.tools if one.policy.confirm]
            assert asked_first == ["echo", "cancelOrder", "order_status"]
            await opened.toolbox.run("echo", '{"words": "hey"}')
            assert shop.seen[-1].headers["authorization"] == "Bearer hush"
            order = await opened.toolbox.run("getOrder", '{"number": "7"}')
            assert json.loads(order.output)["number"] == "7"
            found = await opened.toolbox.run("search_knowledge", '{"question": "bell"}')
            assert "a.md, Bells, line 3" in found.output
            assert [link.status.state for link in opened.links] == ["ready"]


async def test_an_openapi_document_may_be_fetched_from_where_tools_may_go(tmp_path):
    async with open_shop() as shop:
        shop.pages["/openapi"] = OPENAPI
        text = f"""
[tools.network]
allow = ["{shop.address}"]
[[tools.openapi]]
document = "{shop.address}/openapi"
base_url = "{shop.address}"
operations = ["getOrder"]
"""
        async with tools_of(tmp_path, text) as opened:
            assert names(opened)[-1] == "getOrder"


HTTP = """
[tools.network]
allow = ["http://127.0.0.1:9"]
[[tools.http]]
name = "look"
description = "Look."
url = "http://127.0.0.1:9/{id}"
parameters = { properties = { id = { type = "string" } } }
"""
DOCUMENT = """
[tools.network]
allow = ["http://127.0.0.1:9"]
[[tools.openapi]]
document = "shop.yaml"
base_url = "http://127.0.0.1:9"
operations = ["getOrder"]
"""


@pytest.mark.parametrize(
    ("text", "document", "reason"),
    [
        (HTTP.replace("127.0.0.1:9/", "10.0.0.1/"), "", "tools.http, look: .*beneath none of"),
        (HTTP.replace("[{", "").replace("{id}", "{it}"), "", r"\{it\} in url is none of its"),
        (HTTP.replace('allow = ["http', 'allow = ["ftp'), "", "tools.network: .*should be http"),
        (HTTP.replace('"look"', '"hang_up"'), "", "tools.http, hang_up: two tools are called"),
        (HTTP + 'headers = { A = "${NOT_SET}" }', "", "headers.A needs the variable NOT_SET"),
        (HTTP + "surprise = 1", "", "no key tools.http.surprise; there are: name, description"),
        (HTTP.replace('name = "look"\n', ""), "", r"tools.http.name Field required; .*\[\[tools.h"),
        (DOCUMENT, None, "tools.openapi: cannot read .*shop.yaml: No such file"),
        (DOCUMENT, "a: [", "shop.yaml is neither JSON nor YAML: line 1"),
        (DOCUMENT, "a: &x 1\nb: *x", "has an alias"),
        (DOCUMENT, "- 1", "holds no OpenAPI document"),
        (DOCUMENT, OPENAPI.replace("getOrder", "x"), "no operation 'getOrder'"),
        (DOCUMENT.replace("shop.yaml", "http://127.0.0.1:9/x"), "", "cannot fetch .*ConnectError"),
        (DOCUMENT.replace("shop.yaml", "http://10.0.0.1/x"), "", "cannot fetch .*beneath none"),
        ('[tools]\nbuiltin = ["recall"]', "", "names recall, which needs a memory"),
        ('[memory]\ncallers = "known"', "", "needs store.url, which is empty"),
        ('[tools]\nbuiltin = ["fly"]', "", "tools.builtin should be 'current_time'"),
        ('[tools]\nknowledge = "nowhere"', "", "tools.knowledge: .*nowhere is no folder"),
        ('[tools]\nmodules = ["gone.py"]', "", "tools.modules: cannot load tools from .*gone.py"),
        ('[[tools.mcp]]\nname = "a"\ntools = ["*"]', "", "either a command or a url"),
        ('[[tools.mcp]]\nname = "a"\ntools = []\nurl = "http://x"', "", "tools.mcp.tools"),
        ('[[tools.mcp]]\nname = "a"\ntools = ["*"]\nurl = "x"', "", "tools.mcp, a: .*be http"),
        (2 * '[[tools.mcp]]\nname = "a"\ntools = ["*"]\nurl = "http://x"\n', "", "two servers"),
    ],
)
async def test_what_is_wrong_stops_the_start_and_is_named(tmp_path, text, document, reason):
    if document is not None:
        (tmp_path / "shop.yaml").write_text(document)
    with pytest.raises(SettingsError, match=f"(?s){reason}") as caught:
        async with tools_of(tmp_path, text):
            pass
    assert "hush" not in str(caught.value)


async def test_python_is_not_run_where_it_cannot_be_shut_in(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.sandbox.why_not", lambda: "it needs Linux")
    with pytest.raises(SettingsError, match="run_python cannot be shut in here: it needs Linux"):
        async with tools_of(tmp_path, '[tools]\nbuiltin = ["run_python"]'):
            pass


async def test_without_the_mcp_sdk_the_start_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tools.mcp_wire", None)
    text = '[[tools.mcp]]\nname = "a"\ncommand = ["x"]\ntools = ["*"]'
    with pytest.raises(SettingsError, match=r'pip install "trunkline\[mcp\]"'):
        async with tools_of(tmp_path, text):
            pass


def test_the_doctor_says_which_server_does_not_answer_and_counts_the_tools(tmp_path):
    path = tmp_path / "trunkline.toml"
    path.write_text('[[tools.mcp]]\nname = "gone"\ncommand = ["no-such-program"]\ntools = ["*"]')
    found = [one for one in examine(path, {}) if one.subject in ("tools", "mcp")]
    assert [(one.status, one.detail) for one in found] == [
        ("ok", "2 tools; `trunkline tools list` names them"),
        ("note", "gone is not ready: there is no command no-such-program"),
    ]


def documented() -> list[str]:
    """Each TOML block of the page on tools."""
    page = (HERE.parent / "docs" / "tools.md").read_text()
    return re.findall(r"```toml\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("text", documented(), ids=lambda text: text.splitlines()[0])
def test_the_settings_that_the_page_shows_load(tmp_path, text):
    path = tmp_path / "trunkline.toml"
    path.write_text(text)
    assert load(path, {}).tools != load(None, {}).tools


async def test_the_http_tools_that_the_page_shows_open(tmp_path):
    (text,) = [one for one in documented() if "[[tools.http]]" in one]
    environ = {"SHOP_TOKEN": "hush", "SHOP_SIGNING_SECRET": "hush"}
    async with tools_of(tmp_path, text, **environ) as opened:
        cancel = opened.toolbox.find("cancel_order")
        assert (cancel.policy.confirm, cancel.policy.idempotent) == (True, True)
        assert cancel.spec.parameters["required"] == ["order_id"]


def test_the_receiver_that_the_page_shows_verifies_a_signature():
    page = (HERE.parent / "docs" / "tools.md").read_text()
    (text,) = [one for one in re.findall(r"```python\n(.*?)```", page, re.S) if "hmac" in one]
    scope: dict[str, object] = {}
    exec(text, scope)
    header = sign("hush", int(time.time()), "POST", "/a?b=1", b"{}")
    assert scope["is_genuine"]("hush", header, "POST", "/a?b=1", b"{}")
    assert not scope["is_genuine"]("hush", header, "POST", "/a?b=2", b"{}")
    late = sign("hush", int(time.time()) - 900, "POST", "/a?b=1", b"{}")
    assert not scope["is_genuine"]("hush", late, "POST", "/a?b=1", b"{}")
