import { createHash, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, describe } from 'vitest';

const PATH = '/usr/bin/chromium';
// As root there is no sandbox; a container's shared memory is small.
const ARGUMENTS = ['--no-sandbox', '--disable-dev-shm-usage'];
/** WebGPU by a processor, for want of a graphics processor. */
const SOFTWARE_ADAPTER = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'];
const INSTALL = 'tests/src/browser/install.sh';
const installed = existsSync(PATH);

/**
 * Tests of pages in a real browser, one for all of them. Where it is not installed they are skipped; CI needs it.
 * @param certificate PEM of a server that it trusts, besides those that every browser does
 */
export function describeChromium(
  name: string,
  tests: (browser: () => Promise<Browser>) => void,
  certificate?: string,
): void {
  const title = installed ? name : `${name} (${INSTALL})`;
  describe.skipIf(!installed && process.env.CI !== 'true')(title, () => {
    let started: Promise<Browser> | undefined;
    tests(() => {
      const trusted =
        certificate === undefined ? [] : [`--ignore-certificate-errors-spki-list=${keyHash(certificate)}`];
      started ??= chromium.launch({ executablePath: PATH, args: [...ARGUMENTS, ...SOFTWARE_ADAPTER, ...trusted] });
      return started;
    });
    afterAll(async () => (await started)?.close());
  });
}

/** Of the public key, as Chromium names it. */
function keyHash(certificate: string): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('base64');
}
