/** Numbers and times in words. There is no money anywhere in Carrel. */

const LOCALE = "en-GB";
const counts = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });
const absolute = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "medium" });
const dayOnly = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium" });

/** 12,345 */
export function formatCount(value: number): string {
  return counts.format(value);
}

/** 12.3K, for tight places; say the whole number in a title beside it. */
export function formatCompact(value: number): string {
  return compact.format(value);
}

/** A measured or noisy number: as many digits as mean something. */
export function formatNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "none";
  if (value !== 0 && (Math.abs(value) >= 1e9 || Math.abs(value) < 1e-4)) {
    return value.toExponential(2).replace("e+", " × 10^").replace("e-", " × 10^−");
  }
  const whole = Math.floor(Math.log10(Math.max(1, Math.abs(value)))) + 1;
  return new Intl.NumberFormat(LOCALE, {
    maximumFractionDigits: Math.max(0, digits - whole),
  }).format(value);
}

/** An epsilon or rho: 0.1, 1.25, 0.0004. */
export function formatEpsilon(value: number): string {
  return new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 3 }).format(value);
}

/** A share between 0 and 1 as a percentage that never rounds something to nothing, nor to all. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  if (percent > 99.9 && percent < 100) return "> 99.9 %";
  const digits = percent < 10 ? 1 : 0;
  return `${new Intl.NumberFormat(LOCALE, { maximumFractionDigits: digits }).format(percent)} %`;
}

const SIZES = ["B", "kB", "MB", "GB", "TB"];

/** 1.4 GB, in powers of 1000. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < SIZES.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${SIZES[unit]}`;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365.25 * 86_400],
  ["month", 30.44 * 86_400],
  ["week", 7 * 86_400],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** "3 minutes ago", "in 2 days". */
export function formatRelative(time: string | Date, from: Date = new Date()): string {
  const seconds = (new Date(time).getTime() - from.getTime()) / 1000;
  if (Math.abs(seconds) < 45) return seconds > 0 ? "in a moment" : "just now";
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  }
  return relative.format(Math.sign(seconds), "minute");
}

/** "25 Nov 2026, 15:52:54", in the reader's time zone. */
export function formatTime(time: string | Date): string {
  return absolute.format(new Date(time));
}

export function formatDay(time: string | Date): string {
  return dayOnly.format(new Date(time));
}

/** "4 h 20 min", "1.6 s", "350 ms". */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`;
}

/** "1 request", "3 requests". */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
