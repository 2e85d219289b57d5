import type { Environment } from '../config.ts';

/** Where a command writes, and what it reads of its surroundings. */
export type Io = {
  readonly stdout: NodeJS.WritableStream;
  /** For errors, warnings and progress; a bar only where `isTTY`. */
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly environment: Environment;
};

/** One option of a command. `value` stands for its value in the help: `--tenant T`. */
export type Option =
  | { readonly kind: 'flag'; readonly help: string }
  | { readonly kind: 'text'; readonly value: string; readonly isRequired: boolean; readonly help: string };

export type Usage = {
  readonly options: Readonly<Record<string, Option>>;
  /** What follows the options, such as files; null where nothing may. */
  readonly operands: { readonly name: string; readonly min: number; readonly max: number } | null;
  /** Whole command lines, without the program's name. */
  readonly examples: readonly string[];
};

/** What the file of a command exports. */
export type Command = {
  readonly usage: Usage;
  /** `args`: what follows the command's name. Throws where it fails; a CostError is shown by code. */
  readonly run: (args: readonly string[], io: Io) => Promise<void>;
};
