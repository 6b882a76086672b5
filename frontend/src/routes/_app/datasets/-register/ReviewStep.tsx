import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { api, unwrap } from "@/api/client";
import { useSession } from "@/api/session";
import { ErrorNote } from "@/components/ErrorState";
import { Note } from "@/components/Note";
import { useSubmit } from "@/hooks/useSubmit";
import { formatBytes, formatCount, formatEpsilon, plural } from "@/lib/format";
import { limitsOf } from "../-form/budget";
import { policyOf } from "../-form/policy";
import { domainWords, isUnit, schemaOf } from "../-form/table";
import { groupsQuery, type Population } from "../-page/queries";
import { Sentences } from "../-page/RulesTab";
import { ChooseButton } from "../-upload/FilePicker";
import { startTransfer } from "../-upload/transfers";
import {
  chooseFile,
  complete,
  datasetOf,
  sameFacts,
  STEP_NAMES,
  STEPS,
  useChosenFile,
  type Step,
} from "./form";
import classes from "./Register.module.css";
import type { StepProps } from "./Wizard";

interface Props extends StepProps {
  problems: Record<Step, string[]>;
  populations: readonly Population[];
  clear: () => void;
}

/** Everything once more, and then it is sent. */
export function ReviewStep({ form, set, problems, populations, clear }: Props) {
  const { user } = useSession();
  const client = useQueryClient();
  const navigate = useNavigate();
  const file = useChosenFile(form.file);
  const ready = complete(problems);
  const { submit, busy, error } = useSubmit(async (withFile: boolean) => {
    const population = form.madePopulation ?? (await populationFor(form, (made) => set({ madePopulation: made })));
    let name = form.madeDataset;
    let id = "";
    if (name === null) {
      const dataset = await unwrap(
        api.POST("/api/v1/datasets", { body: datasetOf(form, population) }),
      );
      name = dataset.name;
      id = dataset.id;
      set({ madeDataset: name });
    } else {
      id = (
        await unwrap(
          api.GET("/api/v1/datasets/{dataset}", { params: { path: { dataset: name } } }),
        )
      ).id;
    }
    if (withFile && file !== null) await startTransfer(id, "version", file, user.id);
    await client.invalidateQueries({ queryKey: ["datasets"] });
    chooseFile(null);
    await navigate({
      to: "/datasets/$dataset",
      params: { dataset: name },
      search: { tab: "versions" },
      replace: true,
    });
    clear();
  });
  const again = (picked: File) => {
    if (form.file !== null && sameFacts(picked, form.file)) chooseFile(picked);
    else void navigate({ to: "/datasets/new", search: { step: "file" } });
  };
  return (
    <>
      <p className={classes.lead}>
        All of this but the file becomes public to those with access. What stays for good: the name,
        the unit column and the population.
      </p>
      <Summary form={form} populations={populations} />
      {!ready && (
        <Note tone="wait">
          Not complete yet:
          <ul className={classes.problems}>
            {STEPS.filter((step) => problems[step].length > 0).map((step) => (
              <li key={step}>
                <Link to="/datasets/new" search={{ step }}>
                  {STEP_NAMES[step]}
                </Link>
                : {problems[step].join(" ")}
              </li>
            ))}
          </ul>
        </Note>
      )}
      {form.file !== null && file === null && (
        <div className={classes.file}>
          <span>
            Choose <strong>{form.file.name}</strong> again: the browser forgot it when the page was
            reloaded.
          </span>
          <ChooseButton choose="Choose it again" onFile={again} />
        </div>
      )}
      {form.madeDataset !== null && (
        <Note>
          <code>{form.madeDataset}</code> is registered; only its data is missing.
        </Note>
      )}
      {error && <ErrorNote error={error} />}
      <div className={classes.foot}>
        <Button
          variant="default"
          component={Link}
          to="/datasets/new"
          search={{ step: "rules" } as never}
          disabled={busy}
        >
          Back
        </Button>
        {form.file !== null && (
          <Button
            type="button"
            loading={busy}
            disabled={!ready || file === null}
            onClick={() => void submit(true)}
          >
            {form.madeDataset === null ? "Register and upload" : "Upload"}
          </Button>
        )}
        <Button
          type="button"
          variant={form.file === null ? "filled" : "subtle"}
          loading={busy && form.file === null}
          disabled={!ready || busy}
          onClick={() => void submit(false)}
        >
          {form.file === null ? "Register" : "Register now, upload later"}
        </Button>
      </div>
    </>
  );
}

/** The population's id; a new one is made first, and `made` hears of it. */
async function populationFor(form: Props["form"], made: (id: string) => void): Promise<string> {
  if (form.population !== "new") return form.population;
  const together = limitsOf(form.newPopulation, "together");
  const each = limitsOf(form.newPopulation, "each");
  if (together === null || each === null) throw new Error("The budgets are not complete.");
  const population = await unwrap(
    api.POST("/api/v1/populations", {
      body: {
        name: form.newPopulation.name,
        description: form.newPopulation.description.trim(),
        together,
        each,
      },
    }),
  );
  made(population.id);
  return population.id;
}

function Summary({
  form,
  populations,
}: Pick<Props, "form"> & { populations: readonly Population[] }) {
  const groups = useQuery(groupsQuery);
  const named = (id: string) => groups.data?.find((group) => group.id === id)?.name ?? id;
  const { table } = form;
  const used = form.table.columns.filter((column) => column.used && !isUnit(table, column));
  const picked = populations.find((population) => population.id === form.population);
  const columns = problemsFree(form) ? schemaOf(table).columns : [];
  const limits =
    picked ??
    (form.population === "new"
      ? {
          name: form.newPopulation.name,
          together: { epsilon: Number(form.newPopulation.together) },
          each: { epsilon: Number(form.newPopulation.each) },
        }
      : null);
  return (
    <dl className={classes.reviewed}>
      <Row step="file" title="Dataset">
        <strong>{form.title || form.name || "no name"}</strong> <code>{form.name}</code>
        {form.file && (
          <p className="soft">
            from {form.file.name}, {formatBytes(form.file.size)}
          </p>
        )}
        {form.description && <p style={{ whiteSpace: "pre-line" }}>{form.description}</p>}
      </Row>
      <Row step="people" title="Unit">
        <code>{table.unit || "none"}</code>. Of one unit, {plural(Number(table.rowsPerUnit) || 0, "row")}{" "}
        in all, {plural(Number(table.rowsPerGroup) || 0, "row")} in a group and{" "}
        {plural(Number(table.groupsPerUnit) || 0, "group")} may count.
      </Row>
      <Row step="columns" title="Columns">
        {columns.length > 0 ? (
          <details>
            <summary style={{ cursor: "pointer" }}>{plural(columns.length, "column")}</summary>
            <ul className={classes.problems}>
              {columns.slice(0, 200).map((column) => (
                <li key={column.name}>
                  <code>{column.name}</code>: {domainWords(column)}
                </li>
              ))}
            </ul>
          </details>
        ) : (
          plural(used.length, "column")
        )}
      </Row>
      <Row step="budget" title="Size, population">
        about {formatCount(Number(table.rows) || 0)} rows of {formatCount(Number(table.units) || 0)}{" "}
        units
        {limits && (
          <p>
            <strong>{limits.name}</strong>, ε = {formatEpsilon(limits.together.epsilon)} together and{" "}
            {formatEpsilon(limits.each.epsilon)} for each researcher
          </p>
        )}
      </Row>
      <Row step="rules" title="Rules">
        <Sentences policy={policyOf(form.policy)} named={named} />
        <p className="soft">
          {form.terms.trim() === "" ? "No terms of use." : "With terms of use to accept."}
        </p>
      </Row>
    </dl>
  );
}

function problemsFree(form: Props["form"]): boolean {
  try {
    schemaOf(form.table);
    return true;
  } catch {
    return false;
  }
}

function Row({ step, title, children }: { step: Step; title: string; children: ReactNode }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
      <dd>
        <Link to="/datasets/new" search={{ step }} aria-label={`Change: ${title}`}>
          Change
        </Link>
      </dd>
    </div>
  );
}
