/** Round numbers that cover [low, high], about `count` steps apart; at least two. */
export function niceTicks(low: number, high: number, count = 5): number[] {
  if (!Number.isFinite(low) || !Number.isFinite(high) || low === high) {
    const at = Number.isFinite(low) ? low : 0;
    return [at, at + 1];
  }
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.floor(low / step);
  const last = Math.ceil(high / step);
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

export interface Bin {
  label: string;
  count: number;
}

/** Numbers in equal bins; a few whole numbers have a bin each. */
export function binNumbers(values: readonly number[], bins = 12): Bin[] {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return [];
  const least = Math.min(...finite);
  const many = Math.max(...finite) - least + 1;
  if (many <= bins && finite.every(Number.isInteger)) {
    const counts = Array.from({ length: many }, () => 0);
    for (const value of finite) counts[value - least] = (counts[value - least] ?? 0) + 1;
    return counts.map((count, index) => ({ label: String(least + index), count }));
  }
  const ticks = niceTicks(Math.min(...finite), Math.max(...finite), bins);
  const step = (ticks[1] ?? 1) - (ticks[0] ?? 0);
  const counts = ticks.slice(1).map(() => 0);
  for (const value of finite) {
    const at = Math.min(counts.length - 1, Math.floor((value - (ticks[0] ?? 0)) / step));
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts.map((count, index) => ({
    label: `${ticks[index]} to ${ticks[index + 1]}`,
    count,
  }));
}

/** Values by how often they come, the commonest first; what is over `most` is put together. */
export function binValues(values: readonly (string | number | boolean | null)[], most = 12): Bin[] {
  const counts = new Map<string, number>();
  for (const value of values) {
    const label = value === null ? "missing" : String(value);
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const sorted = [...counts].toSorted((a, b) => b[1] - a[1]);
  const shown = sorted.slice(0, most).map(([label, count]) => ({ label, count }));
  const rest = sorted.slice(most).reduce((sum, [, count]) => sum + count, 0);
  return rest > 0 ? [...shown, { label: `${sorted.length - most} others`, count: rest }] : shown;
}
