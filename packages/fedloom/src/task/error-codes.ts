/** The errors of tasks, trainers and their results: code and fields. */
export interface TaskErrors {
  'task.definition': { readonly problems: readonly string[] };
  'task.model-data': { readonly task: string };
  'task.optimizer': { readonly algorithm: string; readonly slots: readonly string[] };
  'task.override': { readonly path: string; readonly value: string };

  /** Methods that the object lacks. */
  'trainer.definition': { readonly lacks: readonly string[] };
  'trainer.params': { readonly parameter?: string };
  'trainer.sample-count': { readonly client: number };
  'trainer.terms': { readonly algorithm: string };
}
