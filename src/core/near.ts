const DISTANCE_MAX = 3;
const SUGGESTIONS_MAX = 3;

/** The known names nearest to a misspelt one ("did you mean"), best first; empty when none is close. */
export function nearNames(wrong: string, known: Iterable<string>): string[] {
  const asked = wrong.toLowerCase();
  const askedLetters = lettersOf(asked);
  const limit = Math.min(DISTANCE_MAX, Math.max(1, Math.floor(asked.length / 2)));
  const scored: { name: string; score: number }[] = [];
  for (const name of known) {
    const lower = name.toLowerCase();
    const score = lettersOf(lower) === askedLetters ? 0 : editDistance(asked, lower, limit);
    if (score <= limit) scored.push({ name, score });
  }
  scored.sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1));
  return scored.slice(0, SUGGESTIONS_MAX).map((entry) => entry.name);
}

function lettersOf(name: string): string {
  return name.replaceAll(/[_\-: ]/g, '');
}

/** Levenshtein distance, given up above `limit`. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length] ?? limit + 1;
}
