import { errorCodePattern, wireLimits } from '../../protocol/limits.js';
import type { Settled } from '../../protocol/messages.js';

/** Why an update does not count, as the wire takes it: code and text may come from a user's own stage, fold or trainer. */
export function whyNot(code = '', reason = ''): Pick<Settled, 'code' | 'reason'> {
  const text = reason.slice(0, wireLimits.textLengthMax);
  return { ...(errorCodePattern.test(code) && { code }), ...(text !== '' && { reason: text }) };
}
