/**
 * A copy that worker threads can read without copying it again, where the platform shares memory; else a plain copy.
 * Browsers share memory only on cross-origin isolated pages.
 */
export function sharedCopy(bytes: Uint8Array): Uint8Array {
  const buffer =
    typeof SharedArrayBuffer === 'undefined'
      ? new ArrayBuffer(bytes.byteLength)
      : new SharedArrayBuffer(bytes.byteLength);
  const copy = new Uint8Array(buffer);
  copy.set(bytes);
  return copy;
}
