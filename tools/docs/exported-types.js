// Every type that a public signature mentions can be imported from the library. TypeDoc's own check knows one package alone, but
// what the library exports is in part the engine's.
import { Application } from 'typedoc';

const PACKAGES = ['fedloom', '@fedloom/engine'];
/** Shorthands for what an error carries: read where the error is. */
const EXCEPT = /error-codes\.ts$/;

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.on(Application.EVENT_VALIDATE_PROJECT, (project) => {
    const missing = missingTypes(app.serializer.projectToObject(project, process.cwd()), 'the library');
    for (const message of new Set(missing)) app.logger.validationWarning(message);
  });
}

/** A sentence for each of our types that a serialized part of a project refers to and does not hold. */
function missingTypes(part, owner) {
  if (typeof part !== 'object' || part === null) return [];
  const { type, target, name } = part;
  if (type === 'reference' && PACKAGES.includes(target?.packageName) && !EXCEPT.test(target.packagePath)) {
    return [`${name} (${target.packagePath}), which ${owner} mentions, is not exported`];
  }
  const here = typeof name === 'string' && part.variant !== undefined ? name : owner;
  return Object.values(part).flatMap((inner) => missingTypes(inner, here));
}
