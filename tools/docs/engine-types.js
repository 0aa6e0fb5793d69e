// TypeDoc warns of types that a signature mentions and the library does not export, but of its own package alone. This sees to
// those of the engine, whose functions the library exports as its own.
import { Application } from 'typedoc';

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.on(Application.EVENT_VALIDATE_PROJECT, (project) => {
    const missing = new Set(missingTypes(app.serializer.projectToObject(project, process.cwd())));
    for (const name of missing) app.logger.validationWarning(`${name} of the engine is mentioned, but not exported`);
  });
}

/** Names of the engine's types that a serialized part of a project refers to and does not hold. */
function missingTypes(part) {
  if (typeof part !== 'object' || part === null) return [];
  const { type, package: owner, target } = part;
  const own = type === 'reference' && owner === '@fedloom/engine' && typeof target === 'object' ? [part.name] : [];
  return [...own, ...Object.values(part).flatMap(missingTypes)];
}
