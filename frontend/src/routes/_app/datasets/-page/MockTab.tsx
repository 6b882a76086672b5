import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { api, unwrap } from "@/api/client";
import { useSession } from "@/api/session";
import { ErrorState } from "@/components/ErrorState";
import { Histogram } from "@/components/Histogram";
import { LoadingState } from "@/components/LoadingState";
import { Section } from "@/components/Section";
import { formatCount, plural } from "@/lib/format";
import { can } from "@/lib/roles";
import { binNumbers, binValues } from "@/lib/ticks";
import classes from "./Dataset.module.css";
import { MockSource } from "./MockSource";
import type { TabProps } from "./Overview";

const PREVIEWED = 12;
const PICTURED = 60;

/** Rows that nobody is in, to try things on. */
export default function MockTab({ dataset }: TabProps) {
  const { user } = useSession();
  const wide = dataset.table.columns.length;
  const rows = wide > 400 ? 50 : 500;
  const mock = useQuery({
    queryKey: ["dataset", dataset.name, "mock", rows],
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/datasets/{dataset}/mock", {
          params: { path: { dataset: dataset.name }, query: { rows } },
          signal,
        }),
      ),
  });
  const numeric = useMemo(() => {
    const { columns, rows: made } = mock.data ?? { columns: [], rows: [] };
    return columns.map((_, place) => made.some((row) => typeof row[place] === "number"));
  }, [mock.data]);
  return (
    <>
      <Section
        title="A look at the made-up rows"
        lead={
          dataset.mock === "uploaded"
            ? "Nobody is in these rows. The owner uploaded them; they have the same columns as the private data, and nothing that is true of it."
            : "Nobody is in these rows. They are drawn from the public columns alone: types and ranges fit, and how values hang together does not."
        }
      >
        {mock.isPending ? (
          <LoadingState what="made-up rows" rows={8} />
        ) : mock.isError ? (
          <ErrorState error={mock.error} onRetry={() => void mock.refetch()} />
        ) : (
          <>
            {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls */}
            <div className={classes.scroll} tabIndex={0} role="region" aria-label="Made-up rows">
              <table className={classes.grid}>
                <thead>
                  <tr>
                    {mock.data.columns.map((name, place) => (
                      <th
                        key={name}
                        scope="col"
                        data-numeric={numeric[place] || undefined}
                      >
                        {name}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {mock.data.rows.slice(0, PREVIEWED).map((row, at) => (
                    // oxlint-disable-next-line react/no-array-index-key -- rows have no key
                    <tr key={at}>
                      {row.map((value, place) => (
                        <td
                          key={mock.data.columns[place]}
                          data-numeric={numeric[place] || undefined}
                        >
                          {value === null ? <span className="soft">missing</span> : String(value)}
                        </td>
                      ))}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            <p className="soft">
              {Math.min(PREVIEWED, mock.data.rows.length)} of {formatCount(mock.data.rows.length)}{" "}
              made-up rows.
            </p>
          </>
        )}
      </Section>
      {mock.data && (
        <Section
          title="Each column"
          lead={`How the values of ${plural(mock.data.rows.length, "made-up row")} fall. The private data's look is not this.`}
        >
          <Pictures mock={mock.data} unit={dataset.table.unit_column} />
        </Section>
      )}
      {can(user.role, "seeAudit") && <MockSource dataset={dataset} />}
    </>
  );
}

type MockData = { columns: string[]; rows: (number | string | boolean | null)[][] };

function Pictures({ mock, unit }: { mock: MockData; unit: string }) {
  const pictures = useMemo(
    () =>
      mock.columns.flatMap((name, place) => {
        // Who somebody is made up to be says nothing.
        if (name.toLowerCase() === unit.toLowerCase() || place >= PICTURED) return [];
        const values = mock.rows.map((row) => row[place] ?? null);
        const numbers = values.filter((value) => typeof value === "number");
        const numeric = numbers.length > 0;
        return [{
          name,
          bins: numeric ? binNumbers(numbers) : binValues(values),
          missing: numeric ? values.filter((value) => value === null).length : 0,
        }];
      }),
    [mock, unit],
  );
  return (
    <>
      <div className={classes.pictures}>
        {pictures.map(({ name, bins, missing }) => (
          <div key={name} className={classes.picture}>
            <h3>{name}</h3>
            <Histogram bins={bins} label={`${name}, ${mock.rows.length} made-up rows`} />
            {missing > 0 && <p className="soft">{plural(missing, "value")} missing</p>}
          </div>
        ))}
      </div>
      {mock.columns.length > PICTURED && (
        <p className="soft">The first {PICTURED} of {mock.columns.length} columns.</p>
      )}
    </>
  );
}
