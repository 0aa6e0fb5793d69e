/** The errors of models that were trained, on their way out: code and fields. */
export interface InferenceErrors {
  /** `names`: parameters that stay with the clients. */
  'export.private': { readonly run: string; readonly names: readonly string[] };
  'export.trainer': { readonly run: string };
  'model.none': { readonly path: string };
  'model.onnx': { readonly path: string };
  'predict.closed': { readonly task: string };
  'predict.input': { readonly row?: number };
  'predict.file': { readonly path: string };
}
