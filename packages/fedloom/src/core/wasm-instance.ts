/** What is used of the WebAssembly interface; written out because the compiler knows it with browser types only. */
interface WasmPlatform {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/**
 * The exports of a module's new instance. Undefined where the platform has no WebAssembly, does not know the module's
 * instructions, or has not the memory it asks for or forbids it. Compiles on the calling thread: only for modules of a few kilobytes.
 */
export function instantiate<Exports>(bytes: Uint8Array): Exports | undefined {
  const { WebAssembly: platform } = globalThis as { readonly WebAssembly?: WasmPlatform };
  if (platform === undefined || !platform.validate(bytes)) return undefined;
  try {
    return new platform.Instance(new platform.Module(bytes)).exports as Exports;
  } catch {
    // The module is valid, so the platform refuses it: no memory, or a page whose security policy forbids WebAssembly.
    return undefined;
  }
}
