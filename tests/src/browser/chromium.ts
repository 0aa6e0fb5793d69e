import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, describe } from 'vitest';

const PATH = '/usr/bin/chromium';
// As root there is no sandbox; a container's shared memory is small; certificates are of authorities of the tests' own.
const ARGUMENTS = ['--no-sandbox', '--disable-dev-shm-usage', '--ignore-certificate-errors'];
/** WebGPU by a processor, for want of a graphics processor. */
const SOFTWARE_ADAPTER = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'];
const INSTALL = 'tests/src/browser/install.sh';
const installed = existsSync(PATH);

/** Tests of pages in a real browser, one for all of them. Where it is not installed they are skipped; CI needs it. */
export function describeChromium(name: string, tests: (browser: () => Promise<Browser>) => void): void {
  const title = installed ? name : `${name} (${INSTALL})`;
  describe.skipIf(!installed && process.env.CI !== 'true')(title, () => {
    let started: Promise<Browser> | undefined;
    tests(() => {
      started ??= chromium.launch({ executablePath: PATH, args: [...ARGUMENTS, ...SOFTWARE_ADAPTER] });
      return started;
    });
    afterAll(async () => (await started)?.close());
  });
}
