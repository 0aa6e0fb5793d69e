// Messages of one's own, as server and clients both know them. Types read `vendor/name`, so that they never meet a built-in
// one. A schema of zod checks what comes; anything else with its `safeParse` would do.
import { defineMessage } from 'fedloom';
import * as z from 'zod';

/** A client tells how much charge its device has left. */
export const battery = defineMessage({
  type: 'acme/battery',
  from: 'client',
  body: 'none',
  schema: z.object({ type: z.literal('acme/battery'), percent: z.number().min(0).max(100) }),
});

/** What the server makes of it. */
export const advice = defineMessage({
  type: 'acme/advice',
  from: 'server',
  body: 'none',
  schema: z.object({ type: z.literal('acme/advice'), text: z.string().max(200) }),
});
