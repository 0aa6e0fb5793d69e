import { afterLine, auditLine, auditStart, verifyAudit } from '../../../../packages/fedloom/dist/store/audit-chain.js';
import { check, type Target, textOf, unlessRefused, utf8 } from '../target.js';

const RUN = 'fuzzed';
const WHOLE = chain(3);

/** The log of who took part: nothing but the log as it was written holds. */
export const target: Target = {
  seeds: () => [utf8(WHOLE), utf8(chain(1))],
  run(input) {
    const text = textOf(input);
    const head = unlessRefused(/^audit\./, () => verifyAudit(text, RUN));
    if (head === undefined) return;
    check(head.lines === text.split('\n').length - 1, 'lines that were not looked at');
    // Nothing follows on the last line, which can be changed: whoever verifies knows its hash from elsewhere.
    const followed = WHOLE.split('\n').slice(0, 2).join('\n');
    if (head.lines >= 3) check(text.startsWith(`${followed}\n`), 'a changed log holds');
  },
};

function chain(lines: number): string {
  let [text, head] = ['', auditStart(RUN)];
  for (let i = 0; i < lines; i += 1) {
    const line = auditLine({ event: 'joined', client: i }, head);
    head = afterLine(line, head);
    text += `${line}\n`;
  }
  return text;
}
