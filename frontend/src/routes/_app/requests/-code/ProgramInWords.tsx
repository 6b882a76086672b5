import { useQueries } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { datasetQuery } from "@/api/datasets";
import type { CodeRequest } from "@/api/requests";
import { Visible } from "@/components/code/Visible";
import { Facts } from "@/components/Section";
import { limitRows, pythonValue, reachWords } from "@/lib/program";
import { programTitle, saysMore } from "../-words";
import classes from "./code.module.css";

/** What runs, on what, with which parameters, within which limits; and how far an approval goes. */
export function ProgramInWords({ request }: { request: CodeRequest }) {
  const { content } = request;
  const named = useNames(request);
  const calls = content.entry.kind === "function";
  return (
    <div className={classes.words}>
      {saysMore(request) && <p className={classes.purpose}>{request.purpose}</p>}
      <p>
        {calls ? "Calls " : "Runs "}
        <strong>{programTitle(content)}</strong>
        {calls ? " with " : " on "}
        {content.data.map(({ alias, dataset_id }, index) => (
          <span key={alias}>
            {index > 0 && ", "}
            <code>{alias}</code> = the rows of{" "}
            <Link to="/datasets/$dataset" params={{ dataset: named.get(dataset_id) ?? dataset_id }}>
              {named.get(dataset_id) ?? "another dataset"}
            </Link>
          </span>
        ))}
        {Object.entries(content.parameters ?? {}).map(([name, value]) => (
          <span key={name}>
            , <code>{name}</code> ={" "}
            <code>
              <Visible text={pythonValue(value)} />
            </code>
          </span>
        ))}
        .
      </p>
      {content.reach ? (
        <p>
          <strong>An approval covers later runs too:</strong>{" "}
          <Visible text={reachWords(content.reach)} />. Nobody votes on those; what they return is
          held each time.
        </p>
      ) : (
        <p className="soft">An approval covers just this run, with these parameters.</p>
      )}
      <details className={classes.limits}>
        <summary>Environment {content.environment.name}, and what a run may take</summary>
        <Facts
          rows={[
            ...limitRows(content.limits),
            [
              "Lock of the environment",
              <code key="lock" title={content.environment.lock_hash}>
                {content.environment.lock_hash.slice(0, 16)}
              </code>,
            ],
          ]}
        />
      </details>
    </div>
  );
}

/** Names of the datasets by their ids; the first one's is with the request. */
function useNames(request: CodeRequest): Map<string, string> {
  const others = request.content.data.filter(({ dataset_id }) => dataset_id !== request.dataset_id);
  const found = useQueries({
    queries: others.map(({ dataset_id }) => ({ ...datasetQuery(dataset_id), retry: false })),
  });
  const names = new Map([[request.dataset_id, request.dataset]]);
  for (const [index, { dataset_id }] of others.entries()) {
    const name = found[index]?.data?.data.name;
    if (name) names.set(dataset_id, name);
  }
  return names;
}
