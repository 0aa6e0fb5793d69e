/**
 * The operators that compiled graphs are made of, each with the attributes that it may have: nothing else can be emitted, and
 * nothing else is taken from a plan that comes from outside.
 */
export const operatorAttributes = {
  Abs: [],
  Add: [],
  ArgMax: ['axis', 'keepdims'],
  AveragePool: ['kernel_shape', 'strides'],
  Cast: ['to'],
  Concat: ['axis'],
  Conv: ['dilations', 'group', 'kernel_shape', 'pads', 'strides'],
  ConvTranspose: ['dilations', 'group', 'kernel_shape', 'output_padding', 'pads', 'strides'],
  Div: [],
  Equal: [],
  Erf: [],
  Exp: [],
  Expand: [],
  Gather: ['axis'],
  Gemm: ['alpha', 'beta', 'transA', 'transB'],
  Greater: [],
  GreaterOrEqual: [],
  HardSigmoid: ['alpha', 'beta'],
  Identity: [],
  Log: [],
  LogSoftmax: ['axis'],
  Loop: ['body'],
  MatMul: [],
  Max: [],
  MaxPool: ['kernel_shape', 'strides'],
  MaxUnpool: ['kernel_shape', 'strides'],
  Min: [],
  Mul: [],
  Neg: [],
  Pad: [],
  ReduceMax: ['keepdims'],
  ReduceMean: ['keepdims'],
  ReduceSum: ['keepdims'],
  Relu: [],
  Reshape: [],
  Scan: ['body', 'num_scan_inputs', 'scan_input_directions', 'scan_output_directions'],
  ScatterElements: ['axis', 'reduction'],
  ScatterND: ['reduction'],
  Shape: ['end', 'start'],
  Sigmoid: [],
  Sign: [],
  Slice: [],
  Softmax: ['axis'],
  Split: ['axis'],
  Sqrt: [],
  Squeeze: [],
  Sub: [],
  Tanh: [],
  Transpose: ['perm'],
  Unsqueeze: [],
  Where: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type OperatorName = keyof typeof operatorAttributes;

/** Of the operators: what ONNX Runtime 1.30 and onnxruntime-web read; those used need 18 or more. */
export const opset = 21;

export function isOperator(name: string): name is OperatorName {
  return Object.hasOwn(operatorAttributes, name);
}
