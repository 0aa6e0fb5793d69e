import { checkHeldOut, type HeldOut, isHeldOut, isTest } from '../held-out.js';
import { checkOptions, isCount, isFilledList, isName, type OptionCheck } from '../reader-options.js';
import type { FilePlace } from './files.js';

export interface ImagesOptions {
  /** Height and width of the pictures in pixels. */
  readonly size: readonly [height: number, width: number];
  /** 3: red, green and blue (default). 1: grey. */
  readonly channels?: 1 | 3;
  /** Scales pictures of other sizes; without it they are refused. Default false. */
  readonly resize?: boolean;
  /** The subfolders in the order of their classes, fixed by the task. Default: those that are there, in the order of their names. */
  readonly classes?: readonly string[];
  /** Default: the name of the folder. */
  readonly name?: string;
  /** Another folder with subfolders of the same names, or a share to hold out. Default: no test pictures. */
  readonly test?: FilePlace | HeldOut;
}

const isSize = (value: unknown) => Array.isArray(value) && value.length === 2 && value.every(isCount);

const CHECKS: Readonly<Record<keyof ImagesOptions, OptionCheck>> = {
  size: [isSize, 'height and width of the pictures, such as [32, 32]'],
  channels: [(value) => value === 1 || value === 3, '1 or 3'],
  resize: [(value) => typeof value === 'boolean', 'true or false'],
  classes: [isFilledList, 'a list of names of subfolders, each once'],
  name: [isName, 'a text'],
  test: [isTest, 'a folder, or { share: 0.2 }'],
};

/** @throws FedloomError `data.option` */
export function checkImagesOptions(options: ImagesOptions, reader: string): void {
  checkOptions(options, CHECKS, reader, ['size']);
  if (isHeldOut(options.test)) checkHeldOut(options.test, reader);
}
