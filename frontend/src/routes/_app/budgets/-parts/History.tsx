import { useElementSize } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import type { components } from "@/api/schema";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { Section } from "@/components/Section";
import { formatDay, formatEpsilon, formatShare } from "@/lib/format";
import type { Account } from "./accounts";
import classes from "./budgets.module.css";

type Point = components["schemas"]["AccountPoint"];

const HEIGHT = 220;
const BOX = { left: 48, right: 12, top: 16, bottom: 28 };

/** How the account was used over time. */
export function History({ account }: { account: Account }) {
  const history = useQuery({
    queryKey: ["budgets", "history", account.id],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/accounts/{account_id}/history", {
          params: { path: { account_id: account.id } },
          signal,
        }),
      ),
  });
  return (
    <Section title="Over time">
      {history.isPending && <LoadingState what="the history" rows={3} />}
      {history.isError && (
        <ErrorState error={history.error} onRetry={() => void history.refetch()} />
      )}
      {history.data &&
        (history.data.points.length < 2 ? (
          <p className="soft">Nothing has been charged yet.</p>
        ) : (
          <Steps points={history.data.points} until={history.dataUpdatedAt} />
        ))}
    </Section>
  );
}

/** Steps, since an account stands still between its entries. Drawn against the limit then in force. */
function Steps({ points, until }: { points: readonly Point[]; until: number }) {
  const { ref, width: measured } = useElementSize();
  const width = Math.max(measured, 240);
  const start = Date.parse(points[0]?.at ?? "");
  const end = Math.max(until, start + 1);
  const x = (at: number) =>
    BOX.left + ((width - BOX.left - BOX.right) * (at - start)) / (end - start);
  const y = (share: number) =>
    HEIGHT - BOX.bottom - (HEIGHT - BOX.top - BOX.bottom) * Math.min(1, share);
  const used = (point: Point) => point.share_spent + point.share_reserved;
  let line = "";
  points.forEach((point, at) => {
    const here = x(Date.parse(point.at));
    line += at === 0 ? `M${here},${y(used(point))}` : `H${here}V${y(used(point))}`;
  });
  line += `H${x(end)}`;
  const raises = points.filter((point, at) => at > 0 && point.epsilon > (points[at - 1]?.epsilon ?? 0));
  const last = points.at(-1);
  return (
    <div ref={ref}>
      <svg
        className={classes.chart}
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={
          `Share of the limit used, from ${formatDay(new Date(start))} until now: ` +
          `${formatShare(last ? used(last) : 0)}` +
          (raises.length > 0
            ? `; the limit was raised to ${raises.map((p) => formatEpsilon(p.epsilon)).join(", ")}`
            : "")
        }
      >
        {[0, 0.25, 0.5, 0.75, 1].map((share) => (
          <g key={share}>
            <line
              x1={BOX.left}
              x2={width - BOX.right}
              y1={y(share)}
              y2={y(share)}
              className={share === 1 ? classes.limitLine : classes.gridLine}
            />
            <text x={BOX.left - 8} y={y(share) + 4} textAnchor="end">
              {share * 100} %
            </text>
          </g>
        ))}
        <path d={`${line}V${y(0)}H${x(start)}Z`} className={classes.spentArea} />
        <path d={line} className={classes.spentLine} />
        {raises.map((point) => (
          <g key={point.at}>
            <line
              x1={x(Date.parse(point.at))}
              x2={x(Date.parse(point.at))}
              y1={BOX.top}
              y2={HEIGHT - BOX.bottom}
              className={classes.raiseLine}
            />
            <text
              x={Math.min(x(Date.parse(point.at)) + 4, width - 90)}
              y={BOX.top - 4}
            >
              raised to {formatEpsilon(point.epsilon)}
            </text>
          </g>
        ))}
        <text x={BOX.left} y={HEIGHT - 8}>
          {formatDay(new Date(start))}
        </text>
        <text x={width - BOX.right} y={HEIGHT - 8} textAnchor="end">
          now
        </text>
      </svg>
    </div>
  );
}
