import { basename } from 'node:path';
import type { Tensor } from '@fedloom/engine';
import { type FileDataset, type FileReader, fileDataset } from './file-dataset.js';
import { type FilePlace, pathOf } from './files.js';
import type { ImageContents } from './images-contents.js';
import { checkImagesOptions, type ImagesOptions } from './images-options.js';

/** A data set of pictures. */
export interface ImageDataset extends FileDataset {
  inFolder(folder: string): ImageDataset;
  /**
   * Other pictures as the model sees them, x uint8 `[pictures, channels, height, width]`: to predict what they show.
   * @param files relative ones begin in the working folder
   * @throws FedloomError `data.file`, `data.image`, naming the file
   */
  inputsOf(files: readonly FilePlace[]): Promise<Tensor>;
}

/**
 * A data set of pictures: JPEG and PNG files in a folder with a subfolder for each class, as torchvision's `ImageFolder` reads them. x
 * is uint8 `[pictures, channels, height, width]` with scale 1/255, y the class. Files are taken by class, in the order of their names.
 * Opacity is left out; grey is 0.299 red + 0.587 green + 0.114 blue, rounded (Rec. ITU-R BT.601). Names that begin with a dot are
 * passed over.
 * @throws FedloomError `data.option` at once; on loading `data.file`, `data.folder`, `data.image`, naming the file
 */
export function images(folder: FilePlace, options: ImagesOptions): ImageDataset {
  const reader = `images('${folder}')`;
  checkImagesOptions(options, reader);
  const asFiles: FileReader<ImageContents> = {
    name: options.name ?? basename(typeof folder === 'string' ? folder : pathOf(folder, undefined)),
    learned: options.classes === undefined ? ['classes by the names of the subfolders'] : [],
    read: async (home) => (await import('./images-contents.js')).readContents(pathOf(folder, home), options, home),
    describe: async (contents) => {
      const [{ classes, train }, { describeTexts }] = await Promise.all([contents(), import('../describe.js')]);
      const names = Array.from(train.y.data as Int32Array, (label) => classes[label]);
      return { samples: names.length, columns: [describeTexts('class', names)], label: 'class' };
    },
  };
  const datasetIn = (home?: string): ImageDataset => {
    const { contents: _contents, ...dataset } = fileDataset(asFiles, home);
    return Object.freeze({
      ...dataset,
      inFolder: datasetIn,
      inputsOf: async (files: readonly FilePlace[]) =>
        (await import('./images-contents.js')).readPictures(files, options),
    });
  };
  return datasetIn();
}
