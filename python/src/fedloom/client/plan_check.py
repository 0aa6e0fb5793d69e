"""Checks a plan's graphs before ONNX Runtime reads them, PROTOCOL.md section 9: they hold nothing but what compiled plans do."""

from .errors import ClientError

OPERATOR_SET = 21
NESTING_MAX = 8
NODES_MAX = 50_000
DOMAINS = (b"", b"ai.onnx")

OPERATORS = {
    "Abs": set(),
    "Add": set(),
    "ArgMax": {"axis", "keepdims"},
    "AveragePool": {"kernel_shape", "strides"},
    "Cast": {"to"},
    "Concat": {"axis"},
    "Conv": {"dilations", "group", "kernel_shape", "pads", "strides"},
    "ConvTranspose": {"dilations", "group", "kernel_shape", "output_padding", "pads", "strides"},
    "Div": set(),
    "Equal": set(),
    "Erf": set(),
    "Exp": set(),
    "Expand": set(),
    "Gather": {"axis"},
    "Gemm": {"alpha", "beta", "transA", "transB"},
    "Greater": set(),
    "GreaterOrEqual": set(),
    "HardSigmoid": {"alpha", "beta"},
    "Identity": set(),
    "Log": set(),
    "LogSoftmax": {"axis"},
    "Loop": {"body"},
    "MatMul": set(),
    "Max": set(),
    "MaxPool": {"kernel_shape", "strides"},
    "MaxUnpool": {"kernel_shape", "strides"},
    "Min": set(),
    "Mul": set(),
    "Neg": set(),
    "Pad": set(),
    "ReduceMax": {"keepdims"},
    "ReduceMean": {"keepdims"},
    "ReduceSum": {"keepdims"},
    "Relu": set(),
    "Reshape": set(),
    "Scan": {"body", "num_scan_inputs", "scan_input_directions", "scan_output_directions"},
    "ScatterElements": {"axis", "reduction"},
    "ScatterND": {"reduction"},
    "Shape": {"end", "start"},
    "Sigmoid": set(),
    "Sign": set(),
    "Slice": set(),
    "Softmax": {"axis"},
    "Split": {"axis"},
    "Sqrt": set(),
    "Squeeze": set(),
    "Sub": set(),
    "Tanh": set(),
    "Transpose": {"perm"},
    "Unsqueeze": set(),
    "Where": set(),
}

# Field numbers of onnx.proto: those that come once, and those that are repeated. A tensor has no external_data (13) and no
# data_location (14): ONNX Runtime would read files of this machine.
MODEL = ({1, 2, 7}, {8})
OPERATOR_SETS = ({1, 2}, set())
GRAPH = ({2}, {1, 5, 11, 12})
NODE = ({3, 4, 7}, {1, 2, 5})
ATTRIBUTE = ({1, 2, 3, 4, 6, 20}, {8})
TENSOR = ({2, 8, 9}, {1})


class _Wrong(Exception):
    pass


def check_graph(name, onnx):
    """Raises `ClientError` `plan.graph`."""
    try:
        model = _fields("the model", memoryview(onnx), *MODEL)
        versions = [_operator_set(_content(part)) for part in model.get(8, [])]
        if versions != [OPERATOR_SET]:
            raise _Wrong(f"its operators are of version {versions}, and known are those of {OPERATOR_SET}")
        _graph(_only(model, 7, "the model"), 0, [0])
    except _Wrong as wrong:
        raise ClientError(
            "plan.graph", f"The plan's {name} graph is refused: {wrong}. Use plans of servers you trust, made by fedloom."
        ) from wrong


def _operator_set(content):
    fields = _fields("an operator set", content, *OPERATOR_SETS)
    _check_domain(fields, 1)
    return fields[2][0] if 2 in fields else 0


def _graph(content, depth, count):
    if depth > NESTING_MAX:
        raise _Wrong(f"its graphs are nested more than {NESTING_MAX} deep")
    fields = _fields("a graph", content, *GRAPH)
    for node in fields.get(1, []):
        _node(_content(node), depth, count)
    for tensor in fields.get(5, []):
        _fields("a constant", _content(tensor), *TENSOR)


def _node(content, depth, count):
    count[0] += 1
    if count[0] > NODES_MAX:
        raise _Wrong(f"it has more than {NODES_MAX} nodes")
    fields = _fields("a node", content, *NODE)
    _check_domain(fields, 7)
    operator = _text(fields, 4)
    if operator not in OPERATORS:
        raise _Wrong(f"it uses the operator '{operator[:60]}', which no compiled plan has")
    for part in fields.get(5, []):
        attribute = _fields("an attribute", _content(part), *ATTRIBUTE)
        name = _text(attribute, 1)
        if name not in OPERATORS[operator]:
            raise _Wrong(f"its {operator} has the attribute '{name[:60]}', which no compiled plan has")
        if 6 in attribute:
            _graph(_only(attribute, 6, "an attribute"), depth + 1, count)


def _check_domain(fields, number):
    domain = bytes(_content(fields[number][0])) if number in fields else b""
    if domain not in DOMAINS:
        raise _Wrong(f"it uses operators of the domain {domain[:60]!r}")


def _text(fields, number):
    try:
        return bytes(_only(fields, number, "a node")).decode()
    except UnicodeDecodeError:
        raise _Wrong("a name is no UTF-8") from None


def _only(fields, number, what):
    if number not in fields:
        raise _Wrong(f"{what} lacks the field {number}")
    return _content(fields[number][0])


def _content(value):
    if isinstance(value, int):
        raise _Wrong("a number stands where a message or text belongs")
    return value


def _fields(what, data, once, repeated):
    """number -> the contents of its fields, in their order. Stricter than protobuf, so that no other reader sees more."""
    fields, at = {}, 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if number not in once and number not in repeated:
            raise _Wrong(f"{what} has the field {number}, which plans may not use")
        if number in fields and number not in repeated:
            raise _Wrong(f"{what} has the field {number} twice")
        if kind == 0:
            value, at = _varint(data, at)
        elif kind in (1, 2, 5):
            length, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at : at + length], at + length
        else:
            raise _Wrong(f"field {number} has the wire type {kind}")
        if at > len(data):
            raise _Wrong(f"field {number} goes beyond the end of its message")
        fields.setdefault(number, []).append(value)
    return fields


def _varint(data, at):
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise _Wrong("a number goes beyond the end of its message")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _Wrong("a number has more than ten bytes")
