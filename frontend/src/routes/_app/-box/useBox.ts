import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { priceOfBlackBox } from "@/api/blackBoxes";
import { environmentsQuery } from "@/api/code";
import { datasetQuery } from "@/api/datasets";
import type { ApiError } from "@/api/problem";
import { useLivePrice } from "../-ask/usePrice";
import { wrongBySite, type Wrong } from "../-code/form";
import { useMock } from "../-code/useMock";
import { makeBox, wrongSoFar, type BoxForm } from "./form";

/** What follows from a form: the black box, its price, what is wrong, its run on made-up rows. */
export function useBox<Form extends BoxForm>(form: Form, change: (part: Partial<BoxForm>) => void) {
  const environments = useQuery(environmentsQuery);
  const environment = environments.data?.find(({ name }) => name === form.environment);
  const name = form.data[0]?.dataset ?? "";
  const dataset = useQuery({
    ...datasetQuery(name),
    select: ({ data }) => data,
    enabled: name !== "",
  });
  const made = makeBox(form, environment);
  const [tried, setTried] = useState(false);
  const complete = Object.keys(made.wrong).length === 0;
  const ready = complete && dataset.data !== undefined && dataset.data.version_id !== null;
  const priced = useLivePrice(ready ? made.ask : null, dataset.data?.revision ?? 0, priceOfBlackBox);
  const mock = useMock(form, made, change);
  const run = () => {
    setTried(true);
    // What leaves may be said later: a run on made-up rows needs a program alone.
    const needed = Object.keys(made.wrong).filter((field) => !OF_THE_ANSWER.test(field));
    if (needed.length === 0) void mock.start.submit();
  };
  const wrongOf = (sent: ApiError | null, more: Wrong = {}): Wrong => ({
    ...wrongBySite(mock.start.error, sent),
    ...(tried ? { ...made.wrong, ...more } : wrongSoFar(form, made.wrong)),
  });
  return {
    environments: environments.data ?? [],
    environment,
    dataset: dataset.data,
    made,
    complete,
    tried,
    setTried,
    priced,
    mock,
    run,
    wrongOf,
    atTarget: priced.error?.problem.errors.find(({ loc }) => loc?.includes("target"))?.message,
  };
}

const OF_THE_ANSWER = /^(blocks|numbers)/;
