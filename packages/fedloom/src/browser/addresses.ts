/** Relative to the page: a worker has an address of its own. */
export function addressOf(path: string): string {
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  return new URL(path, location?.href).href;
}

/** Of a folder, which ends with a slash: what is beside it would be asked for otherwise. */
export function folderAddress(path: string): string {
  return addressOf(path.replace(/\/?$/, '/'));
}
