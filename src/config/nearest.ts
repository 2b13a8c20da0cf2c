/** The candidate with the smallest edit distance. */
export function nearest(name: string, candidates: readonly string[]): string {
  return ranked(name, candidates)[0]?.candidate ?? '';
}

/** `; did you mean X?`, or nothing when no candidate is like it. */
export function suggestion(name: string, candidates: readonly string[]): string {
  const [best] = ranked(name, candidates);
  // A third of it may be wrong, or its end not be typed.
  const isLike =
    best !== undefined &&
    (best.distance <= Math.max(2, name.length / 3) ||
      (name.replace(/^-+/, '').length >= 2 && best.candidate.startsWith(name)));
  return isLike ? `; did you mean ${best.candidate}?` : '';
}

function ranked(name: string, candidates: readonly string[]) {
  return candidates
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
