import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import { useSession } from "@/api/session";
import { CopyButton } from "@/components/CopyButton";
import { ErrorNote } from "@/components/ErrorState";
import { Note } from "@/components/Note";
import { PersonName } from "@/components/PersonName";
import { Facts, Section } from "@/components/Section";
import { Badge } from "@/components/StateBadge";
import { Time } from "@/components/Time";
import { useFilters } from "@/hooks/useFilters";
import { useSubmit } from "@/hooks/useSubmit";
import { formatCount } from "@/lib/format";
import { can } from "@/lib/roles";
import classes from "./Dataset.module.css";
import { EditColumns } from "./EditColumns";
import { EditTerms, EditWords } from "./EditWords";
import type { Dataset } from "./queries";
import { SchemaTable } from "./SchemaTable";

export interface TabProps {
  dataset: Dataset;
  etag: string | null;
}

export function Overview({ dataset, etag }: TabProps) {
  const { user } = useSession();
  const owner = can(user.role, "manageDatasets");
  const { filters, setFilters } = useFilters<{ edit: string | undefined }>();
  const edit = owner ? filters.edit : undefined;
  const close = () => setFilters({ edit: undefined });
  if (edit === "columns") return <EditColumns dataset={dataset} etag={etag} onClose={close} />;
  const { bounds, size, unit_column: unit } = dataset.table;
  return (
    <>
      {!dataset.accessible && can(user.role, "ask") && (
        <div className={classes.above}>
          <Note tone="quiet">
          You see this dataset because of your role, but have no access: you cannot ask questions of
          it yourself{owner ? ". Give yourself access under “Access”." : "."}
          </Note>
        </div>
      )}
      {dataset.terms !== "" && dataset.accessible && dataset.terms_accepted_at === null && (
        <Terms dataset={dataset} />
      )}
      <Section
        title="What it holds"
        actions={
          owner && (
            <Button variant="default" onClick={() => setFilters({ edit: "words" })}>
              Edit title and description
            </Button>
          )
        }
      >
        {dataset.description ? (
          <p className={classes.prose}>{dataset.description}</p>
        ) : (
          <p className="soft">
            Nobody has described it yet.
            {owner && " A few sentences on where it comes from save people questions."}
          </p>
        )}
      </Section>
      <Section title="At a glance">
        <Facts
          rows={[
            ["Rows, as declared", `about ${formatCount(size.rows)}`],
            ["Units, as declared", `about ${formatCount(size.units)}`],
            ["Each unit is a value of", <code key="unit">{unit}</code>],
            ["Rows of one unit that count", formatCount(bounds.rows_per_unit)],
            ["… in any one group", formatCount(bounds.rows_per_group)],
            ["Groups one unit may be in", formatCount(bounds.groups_per_unit)],
            ["Population", dataset.population_name],
            [
              "Registered",
              <span key="by">
                <Time at={dataset.created_at} />
                {dataset.created_by && (
                  <>
                    {" by "}
                    <PersonName person={dataset.created_by} you={dataset.created_by.id === user.id} />
                  </>
                )}
              </span>,
            ],
            [
              "Id",
              <span key="id">
                <code>{dataset.id}</code> <CopyButton value={dataset.id} label="Copy the id" compact />
              </span>,
            ],
          ]}
        />
      </Section>
      <Section
        title="Columns"
        lead={
          <>
            Public: types and ranges were declared by the owner. Values outside a range are moved to
            its nearest end, and values that are not listed become missing. <code>{unit}</code>, which
            says whom a row is about, can never be selected.
          </>
        }
        actions={
          owner && (
            <Button variant="default" onClick={() => setFilters({ edit: "columns" })}>
              Edit columns and bounds
            </Button>
          )
        }
      >
        <SchemaTable table={dataset.table} />
      </Section>
      {(dataset.terms !== "" || owner) &&
        !(dataset.accessible && dataset.terms !== "" && dataset.terms_accepted_at === null) && (
          <Section
            title="Terms of use"
            lead={
              dataset.terms === ""
                ? "None: people may ask as soon as they have access."
                : dataset.terms_accepted_at !== null
                  ? undefined
                  : "Everybody with access has to accept these before they ask."
            }
            actions={
              owner && (
                <Button variant="default" onClick={() => setFilters({ edit: "terms" })}>
                  {dataset.terms === "" ? "Write terms" : "Change the terms"}
                </Button>
              )
            }
          >
            {dataset.terms !== "" && (
              <div className={classes.stack}>
                <TermsText terms={dataset.terms} />
                {dataset.terms_accepted_at !== null && (
                  <p className={classes.row}>
                    <Badge label="You accepted these" tone="good" icon="check" />
                    <Time at={dataset.terms_accepted_at} />
                  </p>
                )}
              </div>
            )}
          </Section>
        )}
      {edit === "words" && <EditWords dataset={dataset} etag={etag} onClose={close} />}
      {edit === "terms" && <EditTerms dataset={dataset} etag={etag} onClose={close} />}
    </>
  );
}

/** What has to be accepted before anything can be asked: above everything else. */
function Terms({ dataset }: { dataset: Dataset }) {
  const client = useQueryClient();
  const { submit, busy, error } = useSubmit(async () => {
    await unwrap(
      api.POST("/api/v1/datasets/{dataset}/terms", {
        params: { path: { dataset: dataset.name } },
        body: { revision: dataset.terms_revision },
      }),
    );
    await client.invalidateQueries({ queryKey: ["dataset", dataset.name] });
    await client.invalidateQueries({ queryKey: ["datasets"] });
  });
  return (
    <Section
      sheet
      title="Accept the terms before you ask"
      lead={
        dataset.terms_revision > 1
          ? "They may have changed since you last accepted them."
          : "The owner asks everybody to accept these first."
      }
    >
      <div className={classes.stack}>
        <TermsText terms={dataset.terms} />
        {error && <ErrorNote error={error} />}
        <div className={classes.row}>
          <Button onClick={() => void submit()} loading={busy}>
            I accept these terms
          </Button>
          <span className="soft">The site notes that you did, and when.</span>
        </div>
      </div>
    </Section>
  );
}

function TermsText({ terms }: { terms: string }) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it may scroll
    <div className={classes.terms} tabIndex={0} role="group" aria-label="The terms">
      <p className={classes.prose}>{terms}</p>
    </div>
  );
}
