import { FedloomError } from '@fedloom/engine';
import { expandRanges, formatRanges, parseRanges, rangesFromIndices } from '../../core/index-ranges.js';

/** A host of a host file, and the ranks that were dealt to it. */
interface ExpectedHost {
  readonly name: string;
  readonly ranks: readonly number[];
}

/** As `--expected-hosts` takes it: `HeadNode=0,3/ComputeNode1=1`. */
export function expectedHostsText(hosts: readonly ExpectedHost[]): string {
  return hosts
    .filter(({ ranks }) => ranks.length > 0)
    .map(({ name, ranks }) => `${encodeURIComponent(name)}=${formatRanges(rangesFromIndices(ranks))}`)
    .join('/');
}

export function expectedHosts(text: string): ExpectedHost[] {
  return text.split('/').map((part) => {
    const at = part.indexOf('=');
    return { name: decodeURIComponent(part.slice(0, at)), ranks: expandRanges(parseRanges(part.slice(at + 1))) };
  });
}

/**
 * Whether the ranks run where a host file says. Names prove nothing, since MPI has names of its own for machines: those of one
 * host must be on one machine. That several hosts of the file are one machine is no error.
 * @param actual the machine of each rank, as MPI names it
 * @throws FedloomError `launch.placement` for the first rank that is elsewhere
 */
export function checkHosts(expected: readonly ExpectedHost[], actual: readonly string[]): void {
  for (const { name, ranks } of expected) {
    const [first = 0] = ranks;
    const elsewhere = ranks.find((rank) => actual[rank] !== actual[first]);
    if (elsewhere === undefined) continue;
    const message =
      `The host file puts ranks ${first} and ${elsewhere} on ${name}, but MPI runs them on ${actual[first]} and ` +
      `${actual[elsewhere]}. Does a setting of MPI's own (OMPI_MCA_..., HYDRA_...) or of the job deal them otherwise?`;
    throw new FedloomError('launch.placement', message, { host: name, rank: elsewhere });
  }
}
