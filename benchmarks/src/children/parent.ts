/** What the parent sent when it started this child. */
export function input<T>(): Promise<T> {
  return new Promise((resolve) => process.once('message', (message) => resolve(message as T)));
}

export function tell(message: unknown): void {
  process.send?.(message);
}

/** Lets the process end: until then the channel to the parent keeps it alive. */
export function done(): void {
  process.disconnect();
}
