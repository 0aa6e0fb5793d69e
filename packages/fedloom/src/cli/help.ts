import type { HelpConfiguration, Option } from 'commander';

/** How options are told: their choices and default in one pair of brackets, and which must be given. */
export const helpStyle: HelpConfiguration = {
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
