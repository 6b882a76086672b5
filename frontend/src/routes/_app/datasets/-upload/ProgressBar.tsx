import classes from "./UploadPanel.module.css";

interface Props {
  /** 0 to 1; null while nobody knows yet. */
  share: number | null;
  label: string;
  /** Hatched: it does not move at present. */
  stopped?: boolean;
}

export function ProgressBar({ share, label, stopped = false }: Props) {
  const percent = Math.round((share ?? 0) * 100);
  return (
    <div
      className={classes.bar}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(share === null ? {} : { "aria-valuenow": percent })}
      aria-valuetext={share === null ? "Not begun" : `${percent} %`}
    >
      <span
        className={classes.fill}
        data-stopped={stopped || undefined}
        style={{ width: `${percent}%` }}
      />
    </div>
  );
}
