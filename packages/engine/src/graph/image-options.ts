/** A convolution of images `[N, C, H, W]`. */
export interface Conv2dOptions {
  readonly strides: readonly [number, number];
  /** Zeros at the top, left, bottom and right. */
  readonly padding: readonly [number, number, number, number];
}

/** Windows over images `[N, C, H, W]`. */
export interface Pool2dOptions {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
}
