/** How far a long piece of work is; `fraction` runs from 0 to 1 within each phase. */
export type Phase = 'copying' | 'reading' | 'checking' | 'writing' | 'summing' | 'publishing';
export type OnProgress = (phase: Phase, fraction: number) => void;

/** Where each phase begins on the way from 0 to 1, by what a large Parquet file takes (bench/import.ts, 2026-11). */
const starts: Readonly<Record<Phase, number>> = {
  copying: 0,
  reading: 0.03,
  checking: 0.37,
  writing: 0.57,
  summing: 0.9,
  publishing: 0.98,
};
const ends: Readonly<Record<Phase, number>> = {
  copying: starts.reading,
  reading: starts.checking,
  checking: starts.writing,
  writing: starts.summing,
  summing: starts.publishing,
  publishing: 1,
};

const BAR_CHARACTERS = 24;
const REDRAW_MS = 100;

export type ProgressBar = { readonly onProgress: OnProgress; readonly end: () => void };

/** Of work that is of one phase alone. */
const whole = { start: 0, end: 1 };

/**
 * One line on a terminal, `what [████░░░░] 42 % reading`, redrawn in place and taken away at the end; silent
 * where `output` is none, or null.
 */
export function progressBar(
  output: (NodeJS.WritableStream & { readonly isTTY?: boolean }) | null,
  what: string,
  isOnePhase = false,
): ProgressBar {
  if (output?.isTTY !== true) return { onProgress: () => undefined, end: () => undefined };
  let drawnAt = 0;
  return {
    onProgress: (phase, fraction) => {
      const now = Date.now();
      if (now - drawnAt < REDRAW_MS && fraction > 0) return;
      drawnAt = now;
      const { start, end } = isOnePhase ? whole : { start: starts[phase], end: ends[phase] };
      const done = start + (end - start) * Math.min(1, fraction);
      const filled = Math.round(done * BAR_CHARACTERS);
      const bar = '█'.repeat(filled) + '░'.repeat(BAR_CHARACTERS - filled);
      output.write(`\r\x1b[2K${what} [${bar}] ${Math.floor(done * 100)} % ${phase}`);
    },
    end: () => {
      if (drawnAt > 0) output.write('\r\x1b[2K');
    },
  };
}
