import classes from "./LoadingState.module.css";

interface Props {
  /** "datasets": said to screen readers as "Fetching datasets…". */
  what?: string;
  rows?: number;
}

/** Grey lines where content will be. */
export function LoadingState({ what = "", rows = 5 }: Props) {
  return (
    <div role="status" className={classes.loading}>
      <span className="visually-hidden">Fetching {what}…</span>
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} width={`${92 - ((index * 17) % 40)}%`} />
      ))}
    </div>
  );
}

export function Skeleton({
  width = "100%",
  height = "1rem",
}: {
  width?: string | number;
  height?: string | number;
}) {
  return <span className={classes.line} style={{ width, height }} aria-hidden="true" />;
}
