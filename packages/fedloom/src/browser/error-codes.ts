import type { NoFields } from '@fedloom/engine/base';

/** The errors of pages: code and fields. */
export interface BrowserErrors {
  /** `address`: of the file that did not load. */
  'browser.runtime': { readonly address: string };
  'browser.worker': NoFields;
}
