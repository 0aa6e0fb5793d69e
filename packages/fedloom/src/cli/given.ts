/** An option with its value, or nothing. */
export function argument(option: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [option, `${value}`];
}

/** An option's value under its name, or nothing. */
export function whereGiven<N extends string, T>(name: N, value: T | undefined): { readonly [K in N]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [K in N]?: T });
}
