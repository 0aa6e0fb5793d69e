import { totalmem } from 'node:os';
import { garbageCollector } from '../../core/node/garbage-collector.js';
import { sha256 } from '../../core/node/sha256.js';
import { sha256Beside } from '../../core/node/sha256-beside.js';
import { openJournal } from './open-journal.js';
import type { RunPlatform } from './run-platform.js';

/** Node, on a machine whose memory is half for updates. */
export const nodePlatform: RunPlatform = {
  hash: sha256,
  hashBeside: sha256Beside,
  memoryBytes: totalmem() / 2,
  garbageCollector,
  openJournal,
};
