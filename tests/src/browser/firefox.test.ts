import { createServer, decodeSafetensors, joinFederation, simulate } from 'fedloom';
import { expect, it, onTestFinished } from 'vitest';
import { digits } from './digits.js';
import { distance } from './distance.js';
import { describeFirefox, openInFirefox } from './firefox.js';
import { hostPages } from './page-host.js';
import type { Simulated } from './simulated-page.js';
import { simulationBundle } from './simulation-bundle.js';

const size = { clients: 2, clientsPerRound: 2, rounds: 2, seed: 4 };
const alone = () => simulate(digits(2).task, { ...size, workers: 1 }).result;

/** A page that does by itself what it is to do, and posts what came of it. */
const script = (text: string) => `<!doctype html><title>A page</title><script type="module">${text}</script>`;
const page = (url: string, options: object) =>
  script(`import { joinFederation } from '/fedloom/index.js';
  const post = (value) => fetch('/', { method: 'POST', body: JSON.stringify(value) });
  const client = joinFederation(${JSON.stringify(url)}, ${JSON.stringify(options)});
  client.finished.then(({ reason }) => post({ reason, isolated: crossOriginIsolated }), ({ message }) => post({ message }));`);

/** What the first post says. */
function firstPost(): { readonly onPost: (text: string) => void; readonly said: Promise<string> } {
  let onPost: (text: string) => void = () => {};
  const said = new Promise<string>((resolve) => {
    onPost = resolve;
  });
  return { onPost, said };
}

describeFirefox('a page in Firefox', () => {
  it('takes part on several threads, and the model is that of Node alone', async () => {
    const { task, dataOf } = digits(2);
    const files: Record<string, string> = {};
    const { onPost, said } = firstPost();
    const host = await hostPages({ isolated: true, files, onPost });
    const server = await createServer(task, { ...size, workers: 1, allowedOrigins: [host] });
    onTestFinished(() => server.close());
    const options = { clients: [{ from: 0, count: 1 }], data: dataOf(0), runtime: '/onnxruntime/', threads: 2 };
    files['/client.html'] = page(server.url, options);
    await openInFirefox(`${host}/client.html`);
    const joined = joinFederation(server.url, { clients: [{ from: 1, count: 1 }], task, workers: 1 });
    const [result, ofNode] = await Promise.all([server.result, alone(), joined]);
    expect(JSON.parse(await said)).toEqual({ reason: 'completed', isolated: true });
    expect(distance(result.model, ofNode.model)).toBeLessThan(1e-4);
  });

  it('simulates a federation, to the model of Node alone', async () => {
    const { onPost, said } = firstPost();
    const options = JSON.stringify({ ...size, runtime: '/onnxruntime/', workers: 1 });
    const files = {
      '/fedloom/simulated.js': await simulationBundle(),
      '/simulation.html': script(
        `import { simulateAndPost } from '/fedloom/simulated.js'; await simulateAndPost(${options});`,
      ),
    };
    await openInFirefox(`${await hostPages({ files, onPost })}/simulation.html`);
    const { model, error } = JSON.parse(await said) as Simulated;
    expect(error).toBeUndefined();
    expect(distance(decodeSafetensors(Uint8Array.from(model ?? [])), (await alone()).model)).toBeLessThan(1e-4);
  });
});
