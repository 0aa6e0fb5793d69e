import { expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';

it('a client names its run, and is refused where the server has others', async () => {
  const place = await Workplace.create({ 'task.ts': CLOUDS });
  const server = place.start('server task.ts 2 2 1 --listen 127.0.0.1:0 --json');
  const [{ run }, { url }] = [await server.event('started'), await server.event('listening')];
  const client = `client task.ts --server ${url} --index 0-1 --run`;
  const refused = await place.run(`${client} letters`);
  expect([refused.code, refused.stderr]).toEqual([
    1,
    `fedloom: The server refused this client: No run named letters is open here. Open: ${run}.\n`,
  ]);
  const joined = await place.run(`${client} ${run}`);
  expect([joined.code, joined.stderr]).toEqual([0, '']);
  expect(joined.stdout).toContain(`Joined run ${run} as clients 0-1.`);
  expect((await server.ended).code).toBe(0);
});
