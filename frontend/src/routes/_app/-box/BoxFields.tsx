import { Textarea } from "@mantine/core";

import type { Environment } from "@/api/code";
import type { Schemas } from "@/api/client";
import { PrivacyField } from "../-ask/PrivacyField";
import classes from "../-code/Code.module.css";
import {
  BeginsField,
  DataFields,
  EnvironmentField,
  FunctionField,
  Group,
  type FieldProps,
} from "../-code/Fields";
import { FilesField } from "../-code/FilesField";
import { LimitField } from "../-code/LimitsFields";
import { MockResult } from "../-code/MockResult";
import { MockStep } from "../-code/MockStep";
import { ParameterFields } from "../-code/ParameterFields";
import type { useMock } from "../-code/useMock";
import { CountsAs } from "./CountsAs";
import { unitsInABlock, type BoxForm } from "./form";
import { OutputFields } from "./OutputFields";

interface Props extends FieldProps<BoxForm> {
  dataset: Schemas["Dataset"] | undefined;
  environments: readonly Environment[];
  environment: Environment | undefined;
  mock: ReturnType<typeof useMock>;
  onRun: () => void;
  /** What the site says of the privacy. */
  atTarget: string | undefined;
  /** Whether it is of a request, whose dataset stays. */
  fixed?: boolean;
}

/** Everything about a black box but its price: what runs, on what, and what of it leaves. */
export function BoxFields(props: Props) {
  const { form, change, wrong, dataset, environments, environment, mock, onRun, fixed } = props;
  const fields = { form, change, wrong };
  const units = dataset?.table.size.units;
  return (
    <>
      <FilesField {...fields} error={mock.error} onRun={onRun} />
      <DataFields {...fields} single fixed={fixed ?? false} />
      <Group
        title="Where it begins"
        lead="The function is called for each block by itself, with its table and the parameters, all by name."
      >
        <div className={classes.fields}>
          <FunctionField {...fields} />
          <BeginsField {...fields} />
        </div>
      </Group>
      <ParameterFields {...fields} />
      <OutputFields {...fields} units={units} />
      <PrivacyField
        form={form}
        change={change}
        error={props.atTarget}
        accuracy="Say how exact each number must be, in its own unit; the site works out the cheapest way. The noise is meant, and nothing else."
      />
      <EnvironmentField {...fields} environments={environments} />
      <Group
        title="Time of a block"
        lead="A block that takes longer counts as one that failed. Blocks run one after another, each in a slot of this length, so lower limits show the answer sooner."
      >
        <div className={classes.fields}>
          <LimitField {...fields} name="wall" label="Seconds" environment={environment} />
          <LimitField {...fields} name="cpu" label="Seconds of processor time" environment={environment} />
        </div>
      </Group>
      <Textarea
        label="What it is for"
        description="Reviewers read this first. It stays with the answer."
        autosize
        minRows={2}
        maxRows={10}
        maxLength={4000}
        value={form.purpose}
        onChange={(event) => change({ purpose: event.currentTarget.value })}
        error={wrong["purpose"]}
      />
      <MockStep form={form} change={change} mock={mock} onRun={onRun} advice={advice(units, form)} />
      <MockResult mock={mock}>
        {mock.run && mock.fits && <CountsAs run={mock.run} form={form} />}
      </MockResult>
    </>
  );
}

function advice(units: number | undefined, form: BoxForm): string {
  const inEach = units === undefined ? null : unitsInABlock(units, form);
  return inEach === null
    ? "Try it on as many as a block holds."
    : `A block holds about ${inEach} people: try it on as many, and on few.`;
}
