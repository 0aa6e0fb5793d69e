/** Federated learning in web pages: what a page needs to take part in a run. */
export { FedloomError, isFedloomError } from '@fedloom/engine/base';
export type { JoinEvent } from '../client/serve-until-finished.js';
export type { SitePolicy } from '../client/site-policy.js';
export type { Predictions } from '../inference/predictor.js';
export type { SamplesInput } from '../inference/samples.js';
export type { Finish } from '../protocol/messages.js';
export type { PageData, PageSplit } from './given-data.js';
export { joinFederation, type PageClient } from './join-federation.js';
export type { PageJoinOptions, PageWorker } from './join-options.js';
export type { InferenceSource } from './page-predictor.js';
export {
  type DrawnOptions,
  fromCanvas,
  fromDrawing,
  fromPicture,
  type PictureOptions,
  type PictureSource,
} from './pictures.js';
export { type PageSample, type StoredSamples, splitOf, storedSamples } from './stored-samples.js';
