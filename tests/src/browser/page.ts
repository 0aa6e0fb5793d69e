import type * as fedloom from 'fedloom/browser';
import type { PageJoinOptions } from 'fedloom/browser';
import type { Browser, Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

type Library = typeof fedloom;

interface WithWorkers {
  readonly Worker: new (file: string, options: { readonly type: 'module' }) => object;
}

/** What a page in a test says of its client. */
export interface PageState {
  readonly events: readonly { readonly type: string }[];
  readonly ended?: string;
  readonly error?: { readonly code: string; readonly message: string };
}

/** A page with a client, of whom it keeps what happens to it. */
export class ClientPage {
  private constructor(readonly page: Page) {}

  /** Opens a page of this host, in a tab of its own, until the test ends. */
  static async open(browser: Browser, host: string): Promise<ClientPage> {
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    await page.goto(host);
    await page.waitForFunction('globalThis.fedloom');
    return new ClientPage(page);
  }

  /** As if somebody reloads it: its client is gone. */
  async reload(): Promise<void> {
    await this.page.reload();
    await this.page.waitForFunction('globalThis.fedloom');
  }

  /** Joins with the options of `joinFederation`, but for `onEvent`; `worker` is an address. */
  async join(url: string, options: object): Promise<void> {
    await this.page.evaluate(
      ([url, options]) => {
        const { joinFederation } = (globalThis as unknown as { fedloom: Library }).fedloom;
        const { worker: file, ...given } = options as { readonly worker?: string };
        const worker =
          file === undefined
            ? {}
            : { worker: () => new (globalThis as unknown as WithWorkers).Worker(file, { type: 'module' }) };
        const own = { ...given, ...worker };
        const state: { events: object[]; ended?: string; error?: object } = { events: [] };
        const onEvent = (event: object) => state.events.push(event);
        const client = joinFederation(url, {
          runtime: '/onnxruntime/',
          ...own,
          onEvent,
        } as unknown as PageJoinOptions);
        client.finished.then(
          (finish) => {
            state.ended = finish?.reason ?? 'left';
          },
          ({ code, message }: { code: string; message: string }) => {
            state.error = { code, message };
          },
        );
        Object.assign(globalThis, { client, state });
      },
      [url, options] as const,
    );
  }

  /** Calls a method of the client that takes nothing. */
  async tell(method: 'pause' | 'resume' | 'leave'): Promise<void> {
    await this.page.evaluate(
      (name) => (globalThis as unknown as Record<string, Record<string, () => void>>).client?.[name]?.(),
      method,
    );
  }

  /** What the client predicts for these samples. */
  predict(x: readonly number[]): Promise<{ label: number[]; probabilities: number[] }> {
    return this.page.evaluate(async (x) => {
      const { client } = globalThis as unknown as { client: fedloom.PageClient };
      const { label, probabilities } = await client.predict(Uint8Array.from(x));
      return {
        label: Array.from(label?.data ?? [], Number),
        probabilities: Array.from(probabilities?.data ?? [], Number),
      };
    }, x as number[]);
  }

  state(): Promise<PageState> {
    return this.page.evaluate(() => (globalThis as unknown as { state: PageState }).state);
  }

  /** What it says once its client is through. */
  async end(): Promise<PageState> {
    const over = () => {
      const { ended, error } = (globalThis as unknown as { state: PageState }).state;
      return ended !== undefined || error !== undefined;
    };
    await this.page.waitForFunction(over);
    return this.state();
  }

  /** Names of its databases that hold something. */
  kept(): Promise<string[]> {
    return this.page.evaluate(`indexedDB.databases().then((all) => Promise.all(all.map(({ name }) => new Promise((resolve) => {
      const opening = indexedDB.open(name);
      opening.onsuccess = () => {
        const counting = opening.result.transaction('values').objectStore('values').count();
        counting.onsuccess = () => resolve(counting.result > 0 ? [name] : []);
      };
    })))).then((names) => names.flat())`);
  }

  /** Waits for an event. */
  async event(type: string): Promise<void> {
    const came = (type: string) =>
      (globalThis as unknown as { state: PageState }).state.events.some((event) => event.type === type);
    await this.page.waitForFunction(came, type);
  }
}
