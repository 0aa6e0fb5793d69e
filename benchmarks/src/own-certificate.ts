import type { ServerTls } from 'fedloom';
import type * as Issue from '../../packages/fedloom/src/cli/certs/issue.js';

/** A certificate for 127.0.0.1, as `fedloom certs` makes it, and that of its authority. */
export async function ownCertificate(): Promise<{ readonly tls: ServerTls; readonly ca: string }> {
  // It is of the command, so that it is loaded by its place in the package.
  const place = new URL('./dist/cli/certs/issue.js', import.meta.resolve('fedloom/package.json'));
  const { issueCertificate, makeAuthority } = (await import(place.href)) as typeof Issue;
  const authority = await makeAuthority('benchmarks', 1);
  const tls = await issueCertificate(authority, { name: 'server', hosts: ['127.0.0.1'], days: 1 });
  return { tls, ca: authority.certificate };
}
