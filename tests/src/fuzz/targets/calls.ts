import { isDeepStrictEqual } from 'node:util';
import { formatCall, parseCall } from '../../../../packages/fedloom/dist/core/call-text.js';
import { formatRanges, parseRanges } from '../../../../packages/fedloom/dist/core/index-ranges.js';
import { check, type Target, textOf, unlessRefused, utf8 } from '../target.js';

/** What is typed: `krum(f=1)`, `0-49,60`. */
export const target: Target = {
  seeds: () => ['krum(f=1)', 'fedProx(mu=1e-3, name="a b", on=true)', '0-49,60'].map(utf8),
  run(input) {
    const text = textOf(input);
    const call = unlessRefused(/^call\./, () => parseCall(text));
    if (call !== undefined)
      check(isDeepStrictEqual(parseCall(formatCall(call.name, call.options)), call), 'another call');
    const ranges = unlessRefused(/^ranges\./, () => parseRanges(text));
    if (ranges !== undefined) check(isDeepStrictEqual(parseRanges(formatRanges(ranges)), ranges), 'other ranges');
  },
};
