import type { Command } from 'commander';
export function addPartitionCommand(_program: Command, _exit: (code: number) => void): void {}
