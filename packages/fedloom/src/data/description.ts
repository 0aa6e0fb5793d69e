/** What is known of a column of numbers, without those that are blank. */
export interface NumbersDescription {
  readonly kind: 'numbers';
  readonly name: string;
  readonly count: number;
  readonly blank: number;
  readonly mean: number;
  /** Square root of the mean squared distance from the mean. */
  readonly deviation: number;
  /** The few texts that stand among the numbers, and how often: counted as blank, which they may mean. Absent where there are none. */
  readonly texts?: Readonly<Record<string, number>>;
  readonly minimum: number;
  readonly maximum: number;
}

/** What is known of a column of texts. */
export interface TextsDescription {
  readonly kind: 'texts';
  readonly name: string;
  readonly count: number;
  readonly blank: number;
  /** How often each stands there, ascending by their UTF-16 units; absent where they are too many to be categories. */
  readonly texts?: Readonly<Record<string, number>>;
  readonly distinct: number;
}

export type ColumnDescription = NumbersDescription | TextsDescription;

/** What a task can fix of its data, and whoever chooses it wants to know. */
export interface DataDescription {
  /** Training samples. */
  readonly samples: number;
  readonly columns: readonly ColumnDescription[];
  /** The columns are numbers as the model sees them, already made of something else: there is nothing to fix in them. */
  readonly encoded?: true;
  /** The column that the model is to tell. */
  readonly label?: string;
  /** Those that it does not see. */
  readonly ignored?: readonly string[];
  /** Of texts: the tokens from number 2. */
  readonly vocabulary?: readonly string[];
}
