import type { HostFacts } from './probe.js';

/** What a run needs on a host. */
export interface Needs {
  readonly fedloom: string;
  /** Hash of the plan; undefined: clients get it from the server. */
  readonly plan: string | undefined;
  readonly folder: string;
}

/** What is wrong with a host: a problem would fail a run, a remark would not. */
export interface Finding {
  readonly kind: 'problem' | 'remark';
  readonly what: string;
}

/** The oldest that ONNX Runtime and this package run with. */
const NODE_MIN = '20.19.0';
const GLIBC_MIN = '2.28';
const DISK_BYTES_MIN = 200e6;
const CLOCK_MS_MAX = 2000;

export function judgeHost(facts: HostFacts, needs: Needs): Finding[] {
  if (!facts.folder)
    return [problem(`There is no folder ${needs.folder}: give the one that holds the task with --cwd.`)];
  return [
    ...nodeFindings(facts),
    ...fedloomFindings(facts, needs),
    ...facts.missing.map((path) => problem(`The data are not there: ${path}`)),
    ...machineFindings(facts),
  ];
}

function nodeFindings({ node, glibc }: HostFacts): Finding[] {
  const findings: Finding[] = [];
  if (node === undefined) {
    findings.push(
      problem(`Node is not found: install ${NODE_MIN} or later, or say with --command how fedloom is called.`),
    );
  } else if (isOlder(node, NODE_MIN))
    findings.push(problem(`Node ${node} is too old: ${NODE_MIN} or later is needed.`));
  if (glibc === undefined) {
    findings.push(problem(`Its C library is not glibc, which ONNX Runtime needs (${GLIBC_MIN} or later).`));
  } else if (isOlder(glibc, GLIBC_MIN)) {
    findings.push(problem(`glibc ${glibc} is too old for ONNX Runtime: ${GLIBC_MIN} or later is needed.`));
  }
  return findings;
}

function fedloomFindings({ fedloom, noFedloom, plan, noPlan }: HostFacts, needs: Needs): Finding[] {
  if (fedloom === undefined) {
    return [problem(`fedloom does not start (${noFedloom ?? 'no word'}): say with --command how it is called.`)];
  }
  if (fedloom !== needs.fedloom) {
    return [problem(`It has fedloom ${fedloom}, this machine ${needs.fedloom}: install the same on all hosts.`)];
  }
  if (needs.plan === undefined || plan === needs.plan) return [];
  if (plan === undefined) return [problem(`The task does not load: ${noPlan ?? 'no word'}`)];
  return [problem('Its task file gives another plan than the one here: copy the same to all hosts.')];
}

function machineFindings({ diskBytes, clockAheadMs }: HostFacts): Finding[] {
  const findings: Finding[] = [];
  if (diskBytes !== undefined && diskBytes < DISK_BYTES_MIN) {
    findings.push(
      problem(`Its disk has ${Math.floor(diskBytes / 1e6)} MB left; ${DISK_BYTES_MIN / 1e6} MB are needed.`),
    );
  }
  if (clockAheadMs !== undefined && Math.abs(clockAheadMs) > CLOCK_MS_MAX) {
    const seconds = Math.round(Math.abs(clockAheadMs) / 1000);
    findings.push(
      remark(`Its clock is ${seconds} s ${clockAheadMs > 0 ? 'ahead' : 'behind'}: times in logs will not fit.`),
    );
  }
  return findings;
}

function problem(what: string): Finding {
  return { kind: 'problem', what };
}

function remark(what: string): Finding {
  return { kind: 'remark', what };
}

/** Of dotted numbers; what follows a dash does not count. */
function isOlder(version: string, minimum: string): boolean {
  const [own, least] = [version, minimum].map((text) => (text.split('-')[0] ?? '').split('.').map(Number));
  for (const [i, part] of (least ?? []).entries()) {
    const difference = (own?.[i] ?? 0) - part;
    if (difference !== 0) return difference < 0;
  }
  return false;
}
