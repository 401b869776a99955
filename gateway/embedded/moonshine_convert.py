"""Turns Moonshine's shipped graphs into three that are quick on a CPU; runs in its own process.

The shipped decoder keeps its weights as int8 and turns them back to floats for every token, and
holds two decoders in one `If`. Here the floats are worked out once, the `If` is taken apart into
`kv` (the encoder's keys and values, once an utterance) and `step` (one token), and the products
are made int8.

It is a process of its own because it needs a gigabyte for a few seconds, which a server that lives
for weeks would never give back. Lines on stdout say how far it is: a fraction, then words.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic

from gateway.embedded.moonshine import FORMS, GRAPHS, Moonshine, agreement

Tell = Callable[[str, float], None]

# Products that are int8 already: such a graph is taken apart and otherwise left as it is.
_INT8_OPERATORS = {"DynamicQuantizeMatMul", "MatMulIntegerToFloat", "MatMulInteger"}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"Mul": np.multiply, "Add": np.add}
_LARGE = 65_536  # bytes of weights that are set apart from their graph
# How many of the words of the float graphs the int8 graphs must find too.
_AGREEMENT = 0.9


def convert(source: Path, target: Path, tell: Tell) -> str:
    """Write GRAPHS to `target` from the .ort files in `source`; returns which of FORMS they are."""
    floats = target / "float"
    floats.mkdir(parents=True)
    tell("reading the encoder", 0.05)
    int8_already = _take_encoder(source, floats)
    tell("taking the decoder apart", 0.2)
    int8_already |= _take_decoder(source, floats)
    if int8_already:
        _move(floats, target)
        return "shipped"
    for form, fraction in (("int8", 0.4), ("int8-reduced", 0.75)):
        tell(f"quantising to {form}", fraction)
        for graph in GRAPHS:
            _quantise(floats / f"{graph}.onnx", target / f"{graph}.onnx", form == "int8-reduced")
        tell(f"comparing {form} with floats", fraction + 0.25)
        if _hears_alike(source, target, floats):
            break
    else:
        _move(floats, target)
        return "float"
    _remove(floats)
    return form


def _move(source: Path, target: Path) -> None:
    for graph in GRAPHS:
        (source / f"{graph}.onnx").replace(target / f"{graph}.onnx")
    _remove(source)


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


# ---------------------------------------------------------------- graphs


def _read(source: Path, name: str, scratch: Path) -> Any:
    """An .ort file as an ONNX model: onnxruntime can write what it has read."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.save_model_format", "ONNX")
    file = scratch / f"{name}.as-onnx"
    options.optimized_model_filepath = str(file)
    onnxruntime.InferenceSession(
        str(source / f"{name}.ort"), options, providers=["CPUExecutionProvider"]
    )
    model = onnx.load(str(file))
    file.unlink()
    return model


def _take_encoder(source: Path, folder: Path) -> bool:
    model = _read(source, "encoder_model", folder)
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes = _fold(graph.node, constants)
    _write(folder, "encoder", model, nodes, graph.input, graph.output, constants)
    return _is_int8(nodes)


def _take_decoder(source: Path, folder: Path) -> bool:
    model = _read(source, "decoder_model_merged", folder)
    graph = model.graph
    choice = next(node for node in graph.node if node.op_type == "If")
    outer = {tensor.name: tensor for tensor in graph.initializer}
    shared = _fold([node for node in graph.node if node.op_type != "If"], outer)
    branches = {attribute.name: attribute.g for attribute in choice.attribute}
    shape = _head_shape(graph.input)
    for name, branch in (("step", branches["then_branch"]), ("kv", branches["else_branch"])):
        constants = {**outer, **{tensor.name: tensor for tensor in branch.initializer}}
        renamed = {a.name: b for a, b in zip(branch.output, choice.output, strict=True)}
        nodes = _rename(_fold([*shared, *branch.node], constants), renamed)
        if name == "step":
            inputs = [value for value in graph.input if value.name != "use_cache_branch"]
            outputs = [value for value in graph.output if ".encoder." not in value.name]
        else:
            inputs = [value for value in graph.input if value.name == "encoder_hidden_states"]
            outputs = [value for value in graph.output if ".encoder." in value.name]
            constants["head_shape"] = onnx.numpy_helper.from_array(shape, "head_shape")
            _fix_shapes(nodes, outputs)
        _write(folder, name, model, nodes, inputs, outputs, constants)
    return any(_is_int8(branch.node) for branch in branches.values())


def _head_shape(inputs: Iterable[Any]) -> NDArray[np.int64]:
    key = next(value for value in inputs if value.name == "past_key_values.0.encoder.key")
    sizes = key.type.tensor_type.shape.dim
    return np.array([1, -1, sizes[1].dim_value, sizes[3].dim_value], np.int64)


def _fix_shapes(nodes: Sequence[Any], outputs: Iterable[Any]) -> None:
    """Keys and values are reshaped to a batch size read off the tokens, of which `kv` has none."""
    maker = {output: node for node in nodes for output in node.output}
    for output in outputs:
        node = maker[output.name]
        while node.op_type != "Reshape":
            node = maker[node.input[0]]
        node.input[1] = "head_shape"


def _is_int8(nodes: Iterable[Any]) -> bool:
    return any(node.op_type in _INT8_OPERATORS for node in nodes)


def _fold(nodes: Iterable[Any], constants: dict[str, Any]) -> list[Any]:
    """The nodes that depend on more than weights; what the others come to joins `constants`."""
    folded: dict[str, NDArray[Any]] = {}
    inner: set[str] = set()  # used by folded nodes: of no use to anyone else
    rest = []
    for node in nodes:
        value = _worth(node, constants, folded)
        if value is None:
            rest.append(node)
        else:
            folded[node.output[0]] = value
            inner.update(name for name in node.input if name in folded)
    still = {name for node in rest for name in node.input}
    for name, value in folded.items():
        if name not in inner or name in still:
            constants[name] = onnx.numpy_helper.from_array(value, name)
    return rest


def _worth(node: Any, constants: dict[str, Any], folded: dict[str, NDArray[Any]]) -> Any:
    """The value of a node all of whose inputs are weights, None for every other node."""
    if node.op_type == "Cast" and node.input[0] in constants:
        kind = onnx.helper.tensor_dtype_to_np_dtype(node.attribute[0].i)
        return onnx.numpy_helper.to_array(constants[node.input[0]]).astype(kind)
    if node.op_type not in _ARITHMETIC or not any(name in folded for name in node.input):
        return None
    values = []
    for name in node.input:
        if name in folded:
            values.append(folded[name])
        elif name in constants:
            values.append(onnx.numpy_helper.to_array(constants[name]))
        else:
            return None
    return _ARITHMETIC[node.op_type](*values)


def _rename(nodes: Sequence[Any], renamed: dict[str, str]) -> Sequence[Any]:
    for node in nodes:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = renamed.get(name, name)
    return nodes


def _write(
    folder: Path,
    name: str,
    model: Any,
    nodes: Sequence[Any],
    inputs: Iterable[Any],
    outputs: Sequence[Any],
    constants: dict[str, Any],
) -> None:
    """Save the part of a graph that its outputs need."""
    needed = {value.name for value in outputs}
    kept = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    graph = onnx.helper.make_graph(
        kept[::-1],
        name,
        [value for value in inputs if value.name in needed],
        outputs,
        [tensor for key, tensor in constants.items() if key in needed],
    )
    part = onnx.helper.make_model(graph, opset_imports=model.opset_import)
    part.ir_version = model.ir_version
    onnx.save(part, str(folder / f"{name}.onnx"))


def _quantise(source: Path, target: Path, reduced: bool) -> None:
    quantize_dynamic(
        str(source),
        str(target),
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul"],
        reduce_range=reduced,
        extra_options={"MatMulConstBOnly": True},
    )


def _set_weights_apart(folder: Path, graph: str) -> None:
    """Large weights in a file of their own, which onnxruntime maps into memory and does not read.

    So of the table of words, 54 MB of floats, only the rows that are looked up take memory.
    """
    file = folder / f"{graph}.onnx"
    model = onnx.load(str(file))
    file.unlink()
    weights = f"{graph}.weights"
    onnx.save_model(
        model, str(file), save_as_external_data=True, location=weights, size_threshold=_LARGE
    )
    (folder / weights).chmod(0o644)  # as the graph is, for a cache that several users share


# ---------------------------------------------------------------- does int8 hear what floats hear


def _hears_alike(source: Path, ints: Path, floats: Path) -> bool:
    """Whether this very CPU computes int8 well: without VNNI its sums of products can overflow."""
    clip = _reference_clip(source)
    tokens = source / "tokenizer.bin"
    expected = Moonshine.of_files(floats, tokens).transcribe(clip)
    return agreement(expected, Moonshine.of_files(ints, tokens).transcribe(clip)) >= _AGREEMENT


def _reference_clip(source: Path) -> bytes:
    """Some seconds of speech: by the mouth where one is installed, else what the package brings."""
    import soundfile
    import soxr

    if find_spec("hibari"):
        from hibari import Hibari

        text = "Please cancel order four two one seven, and ship the blue umbrella on Tuesday."
        samples, rate = Hibari()(text, seed=1), 24_000
    else:
        clip = next(file for file in source.parents[1].rglob("beckett.wav"))
        samples, rate = soundfile.read(clip, dtype="float32")
    heard = soxr.resample(samples, rate, 16_000)
    return bytes((np.clip(heard, -1, 1) * 32767).astype("<i2").tobytes())


def main(source: str, target: str) -> None:
    """The process: convert, and leave the form's name in `target`."""

    def tell(what: str, fraction: float) -> None:
        sys.stdout.write(f"{fraction} {what}\n")
        sys.stdout.flush()

    form = convert(Path(source), Path(target), tell)
    assert form in FORMS
    for graph in GRAPHS:
        _set_weights_apart(Path(target), graph)
    (Path(target) / "form.json").write_text(json.dumps(form))


if __name__ == "__main__":
    main(*sys.argv[1:])
