import { formatCount } from "@/lib/format";
import type { Bin } from "@/lib/ticks";
import classes from "./Histogram.module.css";

interface Props {
  bins: readonly Bin[];
  /** What is counted: "age, 500 made-up rows". */
  label: string;
  height?: number;
}

/** Bars from `binNumbers` or `binValues`. The bar under the pointer names itself. */
export function Histogram({ bins, label, height = 72 }: Props) {
  const most = Math.max(1, ...bins.map((bin) => bin.count));
  const words = bins.map((bin) => `${bin.label}: ${formatCount(bin.count)}`).join("; ");
  return (
    <figure className={classes.figure}>
      <svg
        width="100%"
        height={height}
        viewBox={`0 0 ${Math.max(1, bins.length) * 10} 100`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${label}. ${words}`}
      >
        {bins.map((bin, index) => {
          const tall = bin.count === 0 ? 0 : Math.max(2, (96 * bin.count) / most);
          return (
            <g key={bin.label}>
              <title>{`${bin.label}: ${formatCount(bin.count)}`}</title>
              <rect x={index * 10} y="0" width="10" height="100" className={classes.reach} />
              <rect x={index * 10 + 0.75} y={100 - tall} width="8.5" height={tall} className={classes.bar} />
            </g>
          );
        })}
      </svg>
      <figcaption className={classes.ends} aria-hidden="true">
        <span>{bins[0]?.label}</span>
        {bins.length > 1 && <span>{bins.at(-1)?.label}</span>}
      </figcaption>
    </figure>
  );
}
