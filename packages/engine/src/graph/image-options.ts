/** A convolution of images `[N, C, H, W]`. */
export interface Conv2dOptions {
  readonly strides: readonly [number, number];
  /** Zeros at the top, left, bottom and right. */
  readonly padding: readonly [number, number, number, number];
  /** Steps between the pixels that a window takes. Default `[1, 1]`. */
  readonly dilations?: readonly [number, number];
  /** Channels and filters in so many parts, each filter seeing the channels of its own part. Default 1. */
  readonly groups?: number;
}

/** Windows over images `[N, C, H, W]`. */
export interface Pool2dOptions {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
}
