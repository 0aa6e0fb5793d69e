import type { DType } from '../tensor.js';

/** TensorProto.DataType */
export const onnxElementType: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
};

/** Undefined for types that no plan has. */
export function dtypeOfElement(code: number): DType | undefined {
  return (Object.keys(onnxElementType) as DType[]).find((dtype) => onnxElementType[dtype] === code);
}
