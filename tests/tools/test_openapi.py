"""From OpenAPI documents to operations, and from arguments to requests."""

from __future__ import annotations

import json
from copy import deepcopy
from urllib.parse import unquote

import httpx2
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tools import ToolDefinitionError, ToolError
from tools.addresses import Reach
from tools.openapi import Document

SHOP = yaml.safe_load(
    """
openapi: 3.0.3
info: {title: Shop, version: "1"}
servers: [{url: "https://{region}.shop.example/v1", variables: {region: {default: eu}}}]
paths:
  /orders/{order_id}:
    parameters:
      - {$ref: "#/components/parameters/OrderId"}
      - {name: X-Trace, in: header, schema: {type: string}}
    get:
      operationId: getOrder
      summary: Look up an order
      description: Says where it is.
      parameters:
        - {name: fields, in: query, explode: false, schema: {type: array, items: {type: string}}}
        - {name: "filter", in: query, style: deepObject, schema: {type: object}}
        - {name: tags, in: query, schema: {type: array, items: {type: string}}}
        - {name: Authorization, in: header, schema: {type: string}}
        - {name: api_key, in: query, schema: {type: string}}
        - {name: session, in: cookie, schema: {type: string}}
    patch:
      summary: Change an order
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Change"}
  /orders:
    post:
      operationId: order.make
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: {type: object, properties: {sku: {type: string}, n: {type: integer}}}
  /batch:
    put:
      operationId: batch
      requestBody:
        required: true
        content: {application/json: {schema: {type: array, items: {type: integer}}}}
  /picture:
    post:
      operationId: picture
      requestBody: {required: true, content: {image/png: {}}}
components:
  parameters:
    OrderId: {name: order_id, in: path, required: true, description: On the receipt.,
              schema: {type: string, title: Id}}
  schemas:
    Change:
      type: object
      required: [order_id]
      properties:
        order_id: {type: string}
        note: {type: string, nullable: true, example: hi}
        parent: {$ref: "#/components/schemas/Change"}
        made_at: {type: string, readOnly: true}
"""
)


def operation(name, **fixed):
    (found,) = Document(SHOP, "shop.yaml").operations([name], **fixed)
    return found


def request(name, arguments, **fixed):
    return operation(name, **fixed).request(arguments, key="k", secret="")


def test_an_operation_becomes_a_tool_with_flat_arguments():
    found = operation("getOrder", query={"api_key": "secret"})
    assert (found.name, found.method) == ("getOrder", "GET")
    assert found.description == "Look up an order. Says where it is."
    assert list(found.parameters["properties"]) == [
        *("order_id", "X-Trace", "fields", "filter", "tags", "session"),
    ]
    assert found.parameters["required"] == ["order_id"]
    assert found.parameters["properties"]["order_id"] == {
        "type": "string",
        "description": "On the receipt.",
    }


def test_the_same_document_gives_the_same_bytes():
    first, second = (json.dumps(operation("getOrder").parameters) for _ in range(2))
    assert first == second


def test_arguments_go_where_the_document_says():
    made = request(
        "getOrder",
        {"order_id": "a/b", "fields": ["x", "y"], "filter": {"a": 1}, "tags": ["p", "q"]}
        | {"X-Trace": "t1", "session": "s 1"},
        query={"api_key": "secret"},
        headers={"X-Own": "1"},
    )
    assert made.url == (
        "https://eu.shop.example/v1/orders/a%2Fb"
        "?api_key=secret&fields=x%2Cy&filter%5Ba%5D=1&tags=p&tags=q"
    )
    assert (made.headers["X-Trace"], made.headers["Cookie"]) == ("t1", "session=s%201")
    assert made.headers["X-Own"] == "1"
    assert made.body == b""


def test_a_body_is_asked_for_member_by_member():
    found = operation("PATCH /orders/{order_id}")
    assert found.name == "patch_orders_order_id"
    properties = found.parameters["properties"]
    assert list(properties) == ["order_id", "X-Trace", "order_id_field", "note", "parent"]
    assert properties["note"] == {"type": ["string", "null"]}
    assert found.parameters["required"] == ["order_id", "order_id_field"]
    made = request(
        found.name and "PATCH /orders/{order_id}", {"order_id": "1", "order_id_field": "2"}
    )
    assert json.loads(made.body) == {"order_id": "2"}
    assert made.headers["Content-Type"] == "application/json"


def test_a_type_within_itself_ends_somewhere():
    parent = operation("PATCH /orders/{order_id}").parameters["properties"]["parent"]
    assert parent == {}  # anything


def test_forms_and_whole_bodies_are_sent_as_they_are_declared():
    assert request("order.make", {"sku": "a b", "n": 2}).body == b"sku=a+b&n=2"
    assert operation("order.make").name == "order_make"
    assert request("batch", {"body": [1, 2]}).body == b"[1,2]"


def test_a_header_cannot_begin_another():
    with pytest.raises(Exception, match="plain letters"):
        request("getOrder", {"order_id": "1", "X-Trace": "a\r\nX-Evil: 1"})


def test_headers_that_only_a_client_may_write_are_not_asked_of_a_model():
    document = deepcopy(SHOP)
    item = document["paths"]["/orders/{order_id}"]["get"]
    item["parameters"] += [
        {"name": name, "in": "header", "schema": {"type": "string"}}
        for name in ("Host", "Content-Length", "Idempotency-Key", "X-Shop")
    ]
    (found,) = Document(document, "shop.yaml").operations(["getOrder"])
    assert not {"Host", "Content-Length", "Idempotency-Key"} & set(found.parameters["properties"])
    assert "X-Shop" in found.parameters["properties"]


@given(order_id=st.text(), tags=st.lists(st.text(), min_size=1))
def test_no_argument_leaves_its_place_in_the_url(order_id, tags):
    base = Reach.of(["https://eu.shop.example/v1/orders"])
    try:
        made = request("getOrder", {"order_id": order_id, "tags": tags})
    except ToolError:
        assert order_id in ("", ".", "..")
        return
    url = httpx2.URL(made.url)
    assert url.host == "eu.shop.example"
    sent = order_id.encode(errors="replace").decode()
    assert unquote(url.raw_path.decode().split("?")[0].split("/")[-1]) == sent
    assert url.params.get_list("tags") == [tag.encode(errors="replace").decode() for tag in tags]
    if ".." not in unquote(sent).replace("\\", "/").split("/"):
        base.check_url(url)


def test_a_star_is_every_operation():
    document = deepcopy(SHOP)
    del document["paths"]["/picture"]
    names = [one.name for one in Document(document, "shop.yaml").operations(["*"])]
    assert names == ["getOrder", "patch_orders_order_id", "order_make", "batch"]


def broken(change):
    document = deepcopy(SHOP)
    change(document)
    return document


@pytest.mark.parametrize(
    ("change", "chosen", "reason"),
    [
        (lambda d: d.update(openapi="2.0"), "getOrder", "openapi 2.0; expected OpenAPI 3"),
        (lambda d: d.pop("openapi"), "getOrder", "no openapi version"),
        (lambda d: d.pop("paths"), "getOrder", "it has no paths"),
        (lambda d: d.pop("servers"), "getOrder", "it names no server; set base_url"),
        (lambda d: d, "getOrders", "no operation 'getOrders'; did you mean 'getOrder'"),
        (lambda d: d, "picture", "takes image/png; only JSON and forms"),
        (lambda d: d["components"].pop("parameters"), "getOrder", "refers to nothing"),
        (
            lambda d: d["paths"]["/orders/{order_id}"]["get"]["parameters"].append({"in": "query"}),
            "getOrder",
            "a parameter of GET /orders/{order_id} has no name",
        ),
        (
            lambda d: d["components"]["schemas"].update(Change={"$ref": "other.yaml#/Change"}),
            "PATCH /orders/{order_id}",
            "refers to another document",
        ),
        (
            lambda d: d.update(servers=["https://shop.example"]),
            "getOrder",
            "something in GET /orders/{order_id} is of another type than OpenAPI has there",
        ),
    ],
)
def test_a_wrong_document_is_named_with_what_is_wrong(change, chosen, reason):
    with pytest.raises(ToolDefinitionError, match=reason):
        Document(broken(change), "shop.yaml").operations([chosen])


def test_parameters_that_are_left_empty_are_none():
    def emptied(document):
        document["paths"]["/orders/{order_id}"]["get"]["parameters"] = None

    (operation,) = Document(broken(emptied), "shop.yaml").operations(["getOrder"])
    assert set(operation.parameters["properties"]) == {"order_id", "X-Trace"}


def test_a_relative_server_is_meant_from_where_the_document_was():
    document = broken(lambda d: d.update(servers=[{"url": "/api"}]))
    (found,) = Document(document, "https://x.example/docs/a.yaml").operations(["getOrder"])
    assert found.url == "https://x.example/api/orders/{order_id}"
    (found,) = Document(document, "a.yaml", "https://y.example/").operations(["getOrder"])
    assert found.url == "https://y.example/orders/{order_id}"
