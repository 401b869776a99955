"""Schemas that others wrote: made fit for a model, and arguments checked against them."""

from __future__ import annotations

import time

import pytest

from tools import ArgumentsError, ToolDefinitionError
from tools.foreign_schema import LONGEST, Checker, fit

NESTED = {
    "type": "object",
    "properties": {
        "day": {"type": "string", "enum": ["monday", "friday"]},
        "guests": {
            "type": "array",
            "items": {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}},
        },
    },
    "required": ["day"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("{}", "day is missing."),
        ('{"day": "sunday"}', 'day: should be one of "monday", "friday".'),
        ('{"day": "friday", "guests": 3}', "guests: should be of type array."),
        ('{"day": "friday", "guests": [{"age": -1}]}', "guests.0.age: does not fit minimum 0."),
        ('{"day": "friday", "who": 1}', "There is no argument who; there are: day, guests."),
        ('"friday"', "They should be a JSON object."),
        ('{"day": "friday"', "Not valid JSON: Expecting ',' delimiter at character 17."),
    ],
)
def test_what_is_wrong_is_said_so_that_a_model_can_mend_it(arguments, said):
    with pytest.raises(ArgumentsError) as caught:
        Checker(NESTED, "book").read(arguments)
    assert str(caught.value) == f"The arguments do not fit. {said}"


def test_at_most_three_faults_are_named():
    schema = {"properties": {name: {"type": "boolean"} for name in "abcde"}}
    with pytest.raises(ArgumentsError) as caught:
        Checker(schema, "book").read('{"a": 1, "b": 1, "c": 1, "d": 1}')
    assert str(caught.value).count("boolean") == 3
    assert str(caught.value).endswith(" And more.")


def test_what_fits_is_given_on_as_it_is():
    arguments = Checker(NESTED, "book").read('{"day": "friday", "guests": [{"age": 3}]}')
    assert arguments == {"day": "friday", "guests": [{"age": 3}]}
    assert Checker({}, "book").read(" ") == {}


def test_a_bad_expression_of_a_server_elsewhere_holds_up_nobody():
    schema = {
        "properties": {"x": {"type": "string", "pattern": "^(a+)+$"}},
        "patternProperties": {"^(b+)+$": {"type": "integer"}},
        "additionalProperties": False,
    }
    began = time.monotonic()
    value = "a" * 40 + "!"
    assert Checker(schema, "book", patterns=False).read(f'{{"x": "{value}", "{"b" * 40}!": 1}}')
    assert time.monotonic() - began < 1
    with pytest.raises(ArgumentsError, match="does not fit pattern"):
        Checker({"properties": {"x": {"pattern": "^[0-9]+$"}}}, "book").read('{"x": "y"}')


def test_a_reference_to_somewhere_else_is_never_fetched():
    schema = {"properties": {"x": {"$ref": "http://127.0.0.1:9/schema"}}}
    with pytest.raises(ToolDefinitionError, match="refers to another document"):
        fit(schema, schema, "book")


def test_what_no_model_needs_is_left_out_and_old_ways_are_said_anew():
    schema = {
        "$schema": "x",
        "title": "Book",
        "properties": {
            "title": {"type": "string", "title": "Title", "nullable": True, "enum": ["a"]},
            "n": {"type": "integer", "minimum": 1, "exclusiveMinimum": True, "x-order": 1},
            "link": {"$ref": "#/$defs/Link", "description": "Where."},
        },
        "$defs": {"Link": {"type": "string", "format": "uri", "description": "A link."}},
    }
    assert fit(schema, schema, "book") == {
        "type": "object",
        "properties": {
            "title": {"type": ["string", "null"], "enum": ["a", None]},
            "n": {"type": "integer", "exclusiveMinimum": 1},
            "link": {"type": "string", "format": "uri", "description": "Where."},
        },
    }


def test_a_schema_that_no_model_could_read_is_refused():
    words = {"properties": {"x": {"description": "x" * LONGEST}}}
    with pytest.raises(ToolDefinitionError, match="a model is told 32768 at most"):
        fit(words, words, "book")
    with pytest.raises(ToolDefinitionError, match=r"no JSON schema: at properties\.x\.type"):
        Checker({"properties": {"x": {"type": "text"}}}, "book")


def test_references_that_multiply_are_refused_before_they_have_multiplied():
    members = {str(number): {"$ref": "#/$defs/1"} for number in range(100)}
    definitions = {
        str(depth): {"properties": {name: {"$ref": f"#/$defs/{depth + 1}"} for name in members}}
        for depth in range(1, 10)
    }
    definitions["10"] = {"type": "string"}
    with pytest.raises(ToolDefinitionError, match="more than 32768 bytes"):
        fit({"properties": members}, {"$defs": definitions}, "bomb")


def test_values_that_are_no_list_are_found_where_the_schema_is_checked():
    wrong = {"properties": {"x": {"type": "string", "nullable": True, "enum": 5}}}
    with pytest.raises(ToolDefinitionError, match="no JSON schema"):
        Checker(fit(wrong, wrong, "book"), "book")


@pytest.mark.parametrize(("levels", "fits"), [(39, True), (60, False), (400, False)])
def test_a_schema_nested_without_measure_is_refused_and_no_crash(levels, fits):
    nested = {"type": "string"}
    for _ in range(levels):
        nested = {"type": "object", "properties": {"a": nested}}
    if fits:
        Checker(fit(nested, nested, "deep"), "deep")
        return
    with pytest.raises(ToolDefinitionError, match="nested deeper than 40 levels"):
        fit(nested, nested, "deep")
