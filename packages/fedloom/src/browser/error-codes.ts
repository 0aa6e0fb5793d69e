import type { NoFields } from '@fedloom/engine/base';

/** The errors of pages: code and fields. */
export interface BrowserErrors {
  /** `address`: of the file that did not load. */
  'browser.runtime': { readonly address: string };
  'browser.picture': NoFields;
  'browser.samples': NoFields;
  /** `database`: its name. */
  'browser.storage': { readonly database: string };
  'browser.worker': NoFields;
  /** `source`: an address. */
  'browser.inference': { readonly source: string };
  'browser.no-inference': NoFields;
  'browser.no-model': NoFields;
  'browser.left': NoFields;
}
