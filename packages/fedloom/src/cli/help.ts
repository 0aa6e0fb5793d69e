import { Help, type HelpConfiguration, type Option } from 'commander';

/** Columns below which a description is not set beside its term, but below it. */
const BESIDE_COLUMNS = 34;
const INDENT = 4;

/** How options are told: their choices and default in one pair of brackets, and which must be given. */
export const helpStyle: HelpConfiguration = {
  // Of the narrowest terminals; a word that is longer stands out.
  minWidthToWrap: 16,
  // What it takes stands in its own help.
  subcommandTerm: (command) => command.name(),
  formatItem(term, termWidth, description, helper) {
    const columns = helper.helpWidth ?? 80;
    if (description === '' || columns - termWidth - INDENT >= BESIDE_COLUMNS) {
      return Help.prototype.formatItem.call(helper, term, termWidth, description, helper);
    }
    const lines = helper.boxWrap(description, columns - 2 * INDENT).split('\n');
    return [`  ${term}`, ...lines.map((line) => `${' '.repeat(2 * INDENT - 2)}${line}`)].join('\n');
  },
  optionDescription(option) {
    const { text, said } = splitDefault(option.description);
    const facts = [
      ...(option.mandatory ? ['required'] : []),
      ...(option.argChoices ? [`one of ${option.argChoices.join(', ')}`] : []),
      ...defaultOf(option, said),
    ];
    return facts.length === 0 ? text : `${text} (${facts.join('; ')})`;
  },
};

/** Descriptions tell the defaults that the parser does not know, since others fill them in. */
function splitDefault(description: string): { readonly text: string; readonly said: string | undefined } {
  const [, text = description, said] = /^(.*) \(default: (.*)\)$/s.exec(description) ?? [];
  return { text, said };
}

function defaultOf({ defaultValue, defaultValueDescription }: Option, said: string | undefined): readonly string[] {
  const value = said ?? defaultValueDescription ?? defaultValue;
  return value === undefined ? [] : [`default: ${value}`];
}
