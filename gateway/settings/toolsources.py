"""The settings of where tools come from: HTTP and MCP servers, OpenAPI documents, built-ins."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from gateway.section import Section

Builtin = Literal[
    "current_time",
    "hang_up",
    "transfer",
    "send_digits",
    "remember",
    "recall",
    "search_knowledge",
    "look_at",
    "run_python",
]

HTTP_EXAMPLE = """[[tools.http]]
name = "order_status"
description = "Look up where an order is."
url = "https://api.example.com/v2/orders/{order_id}"
parameters = { properties = { order_id = { type = "string", description = "On the receipt." } } }
headers = { Authorization = "Bearer ${SHOP_TOKEN}" }"""
OPENAPI_EXAMPLE = """[[tools.openapi]]
document = "shop.yaml"
operations = ["getOrder", "POST /orders"]
confirm = ["POST /orders"]"""
MCP_EXAMPLE = """[[tools.mcp]]
name = "files"
command = ["npx", "-y", "@modelcontextprotocol/server-filesystem", "/srv/manuals"]
tools = ["read_file", "search_files"]
[[tools.mcp]]
name = "crm"
url = "https://crm.example.com/mcp"
headers = { Authorization = "Bearer ${CRM_TOKEN}" }
tools = ["*"]
approval = "confirm\""""
TRANSFER_EXAMPLE = """[tools.transfer]
sales = "+15550100"
support = "sip:support@pbx.example.com\""""


def root_tools(folder: Path, tools: dict[str, Any]) -> None:
    """Paths are meant from the settings file's folder, and a server's command is run in it."""
    modules = tools.get("modules")
    if isinstance(modules, list):
        tools["modules"] = [
            _rooted(folder, one) if isinstance(one, str) and _is_path(one) else one
            for one in modules
        ]
    if isinstance(tools.get("knowledge"), str) and tools["knowledge"]:
        tools["knowledge"] = _rooted(folder, tools["knowledge"])
    for one in _tables(tools.get("openapi")):
        if isinstance(one.get("document"), str) and "://" not in one["document"]:
            one["document"] = _rooted(folder, one["document"])
    for one in _tables(tools.get("mcp")):
        if isinstance(one.get("folder", ""), str):
            one["folder"] = _rooted(folder, one.get("folder", ""))


def _tables(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _is_path(module: str) -> bool:
    return module.endswith(".py") or "/" in module


def _rooted(folder: Path, path: str) -> str:
    return str(folder / Path(path).expanduser())


class Network(Section):
    """Where the tools of [[tools.http]] and [[tools.openapi]] may go, and how."""

    allow: tuple[str, ...] = Field(
        default=(),
        description="Base URLs; whatever lies beneath none of them is never asked.",
        examples=[["https://api.example.com/v2"]],
    )
    networks: tuple[str, ...] = Field(
        default=(),
        description="Private networks that names may lead to; without, only public addresses.",
        examples=[["10.1.0.0/16"]],
    )
    timeout_s: float = Field(
        default=10.0, gt=0, le=300, description="Seconds for a request, all its tries together."
    )
    tries: int = Field(
        default=3, ge=1, le=10, description="Of a request that does no harm when sent twice."
    )
    limit_kb: int = Field(
        default=64, ge=1, le=10_000, description="Longest answer that is read, in kilobytes."
    )
    redirects: int = Field(default=3, ge=0, le=10, description="Followed within what is allowed.")


class Python(Section):
    """What a run of run_python may use."""

    seconds: int = Field(default=5, ge=1, le=60, description="Time.")
    megabytes: int = Field(default=256, ge=64, le=4096, description="Memory.")


class Vision(Section):
    """A model that sees, which look_at asks."""

    url: str = Field(
        default="",
        description="Base URL of an OpenAI-compatible API; without it look_at tells only which"
        " pictures there are.",
        examples=["https://api.openai.com/v1"],
    )
    model: str = Field(default="", description="A model there that sees.", examples=["gpt-5-mini"])
    key: str = Field(
        default="",
        description="Its key, by the name of a variable of the environment.",
        examples=["${OPENAI_API_KEY}"],
    )
    timeout_s: float = Field(default=15.0, gt=0, le=300, description="Seconds for one look.")

    @model_validator(mode="after")
    def _whole(self) -> Vision:
        if bool(self.url) != bool(self.model):
            raise ValueError("should have both a url and a model, or neither")
        return self


class HttpTool(Section):
    """One request as a tool."""

    name: str
    description: str = ""
    method: str = "GET"
    url: str = ""
    parameters: dict[str, Any] = Field(default={})
    headers: dict[str, str] = Field(default={})
    query: dict[str, str] = Field(default={})
    secret: str = ""
    keep: tuple[str, ...] = ()
    confirm: bool = False
    idempotent: bool = False
    cache_s: float = Field(default=0.0, ge=0)
    price_usd: float = Field(default=0.0, ge=0)


class OpenApi(Section):
    """Operations of an OpenAPI document as tools."""

    document: str
    operations: tuple[str, ...] = Field(min_length=1)
    base_url: str = ""
    headers: dict[str, str] = Field(default={})
    query: dict[str, str] = Field(default={})
    secret: str = ""
    confirm: tuple[str, ...] = ()
    price_usd: float = Field(default=0.0, ge=0)


class Mcp(Section):
    """An MCP server."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")
    command: tuple[str, ...] = ()
    env: dict[str, str] = Field(default={})
    folder: str = ""
    url: str = ""
    headers: dict[str, str] = Field(default={})
    tools: tuple[str, ...] = Field(min_length=1)
    approval: Literal["none", "confirm"] = "none"
    confirm: tuple[str, ...] = ()
    prefix: str = Field(default="", pattern=r"^[A-Za-z0-9_-]{0,24}$")
    timeout_s: float = Field(default=20.0, gt=0, le=600)
    price_usd: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _one_way(self) -> Mcp:
        if bool(self.command) == bool(self.url):
            raise ValueError("should have either a command or a url")
        return self


class Sources(Section):
    """Fields of [tools] that say where tools come from."""

    builtin: tuple[Builtin, ...] = Field(
        default=(
            *("current_time", "hang_up", "transfer", "remember", "recall", "search_knowledge"),
        ),
        description="Which of Trunkline's own tools there are. transfer needs [tools.transfer],"
        " remember and recall need [memory], search_knowledge needs documents, and are left out"
        " without. There are also send_digits, look_at and run_python.",
    )
    knowledge: str = Field(
        default="",
        description="Folder of documents that search_knowledge searches for every tenant, kept in"
        " step with its files. More come with `trunkline knowledge add`.",
        examples=["manuals"],
    )
    reload: bool = Field(
        default=False, description="While you write tools: take changed modules into live calls."
    )
    network: Network = Network()
    python: Python = Python()
    vision: Vision = Vision()
    transfer: dict[str, str] = Field(
        default={},
        description="Whom the assistant may put callers through to: names, and the number or"
        " address that each means.",
        examples=[TRANSFER_EXAMPLE],
    )
    http: tuple[HttpTool, ...] = Field(
        default=(),
        description="Requests as tools. ${NAME} in headers, query and secret is a variable of the"
        " environment.",
        examples=[HTTP_EXAMPLE],
    )
    openapi: tuple[OpenApi, ...] = Field(
        default=(),
        description="Operations of OpenAPI documents as tools: a file beside this one, or a URL.",
        examples=[OPENAPI_EXAMPLE],
    )
    mcp: tuple[Mcp, ...] = Field(
        default=(),
        description="MCP servers, by command or URL, and which of their tools there are.",
        examples=[MCP_EXAMPLE],
    )
