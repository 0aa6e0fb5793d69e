import { FedloomError } from '@fedloom/engine/base';
import type { Stage } from '../stage-contract.js';

const STAGE_NAME = /^([a-z][A-Za-z0-9-]*\/)?[a-z][A-Za-z0-9]*$/;
const OPTION_NAME = /^[a-z][A-Za-z0-9]{0,255}$/;
/** What travels to the clients has room for so many. */
const STAGE_OPTIONS_MAX = 16;
const OPTION_CHARS_MAX = 256;

/**
 * Checks a stage and freezes it. The built-in stages use nothing else; `stageSuite` of `fedloom/testing` tests what one of
 * your own does.
 * @throws FedloomError `stage.definition`.
 */
export function defineStage(stage: Stage): Stage {
  const { name, options, payload, client, server } = stage ?? {};
  const requireThat = (holds: boolean, what: string): void => {
    if (!holds) throw new FedloomError('stage.definition', `Stage "${name}": ${what}.`, { stage: name });
  };
  requireThat(
    typeof name === 'string' && STAGE_NAME.test(name),
    'its name must be camel case, such as clip, or vendor/name for one of your own',
  );
  requireThat(typeof options === 'object' && options !== null, 'its options must be an object, {} where it has none');
  const count = Object.keys(options).length;
  requireThat(count <= STAGE_OPTIONS_MAX, `it has ${count} options; ${STAGE_OPTIONS_MAX} are allowed`);
  for (const [option, value] of Object.entries(options)) {
    requireThat(OPTION_NAME.test(option), `its option "${option}" must be named in camel case`);
    requireThat(
      typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value),
      `its option ${option} is ${value}; it must be a finite number, a string, true or false`,
    );
    requireThat(
      typeof value !== 'string' || value.length <= OPTION_CHARS_MAX,
      `its option ${option} has ${String(value).length} characters; ${OPTION_CHARS_MAX} are allowed`,
    );
  }
  requireThat(client !== undefined || server !== undefined, 'it has neither a client half nor a server half');
  requireThat(
    payload === undefined || (client !== undefined && server !== undefined),
    'it declares a payload, so it must have both a client half that makes it and a server half that reads it',
  );
  requireThat(stage.bounds !== true || server !== undefined, 'bounds is true, but it has no server half that refuses');
  return Object.freeze({ ...stage, options: Object.freeze({ ...options }) });
}
