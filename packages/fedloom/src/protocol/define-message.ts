import { FedloomError } from '@fedloom/engine';

/** Who may send a message. */
export type MessageSender = 'server' | 'client' | 'both';
/** Whether a message carries a body of bytes beside its fields. */
export type BodyRule = 'none' | 'optional' | 'required';

/** Checks a message; a schema of zod fits. */
export interface MessageSchema<M> {
  safeParse(value: unknown):
    | { readonly success: true; readonly data: M }
    | {
        readonly success: false;
        readonly error: {
          readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
        };
      };
}

/** One type of message: the built-in ones are made of it, and so are those of extensions. */
export interface MessageDefinition<M extends { readonly type: string } = { readonly type: string }> {
  readonly type: M['type'];
  readonly from: MessageSender;
  readonly body: BodyRule;
  /** Must ignore fields it does not know and bound every string, list and number it does. */
  readonly schema: MessageSchema<M>;
}

/**
 * A message of an extension: its type reads `vendor/name`, so that it never meets a built-in one of a later version.
 * Send it only to a peer that announced the matching capability: others refuse unknown types.
 */
export interface ExtensionMessage {
  readonly type: `${string}/${string}`;
  readonly [field: string]: unknown;
}

/** The message types one end understands, by type. */
export type MessageRegistry = Pick<ReadonlyMap<string, MessageDefinition>, 'get'>;

const builtInType = /^[a-z][A-Za-z0-9]{0,63}$/;
const extensionType = /^[a-z][a-z0-9.-]{0,63}\/[a-z][A-Za-z0-9.-]{0,63}$/;

/**
 * Declares a message type. `body` is a reserved field name.
 * @throws FedloomError `protocol.definition` when the type is neither a plain word nor `vendor/name`, or a field is not as above.
 */
export function defineMessage<M extends { readonly type: string }>(
  definition: MessageDefinition<M>,
): MessageDefinition<M> {
  const { type, from, body, schema } = definition ?? {};
  const requireThat = (holds: boolean, what: string) => {
    if (!holds) throw new FedloomError('protocol.definition', what, { type });
  };
  requireThat(
    typeof type === 'string' && (builtInType.test(type) || extensionType.test(type)),
    `A message type reads 'vendor/name' in lower case (for instance 'acme/ping'); got '${type}'.`,
  );
  const oneOf = (name: string, value: unknown, choices: readonly string[]) =>
    requireThat(
      choices.includes(value as string),
      `${name} of message '${type}' must be ${choices.join(', ')}; got '${value}'.`,
    );
  oneOf('from', from, ['server', 'client', 'both']);
  oneOf('body', body, ['none', 'optional', 'required']);
  requireThat(
    typeof schema?.safeParse === 'function',
    `schema of message '${type}' must check its fields, with a method safeParse: a schema of zod, for instance.`,
  );
  return Object.freeze({ ...definition });
}

/**
 * The built-in types and those of extensions together.
 * @throws FedloomError `protocol.definition` when an extension's type has no vendor or is there twice.
 */
export function messageRegistry(
  builtIn: Iterable<MessageDefinition>,
  extensions: readonly MessageDefinition[] = [],
): MessageRegistry {
  const registry = new Map<string, MessageDefinition>();
  for (const definition of builtIn) registry.set(definition.type, definition);
  for (const definition of extensions) {
    if (!extensionType.test(definition.type) || registry.has(definition.type)) {
      throw new FedloomError(
        'protocol.definition',
        `Message type '${definition.type}' must read 'vendor/name' and be defined once.`,
        { type: definition.type },
      );
    }
    registry.set(definition.type, definition);
  }
  return registry;
}
