import { ActionIcon, Button, SegmentedControl, TextInput } from "@mantine/core";

import { Icon } from "@/components/Icon";
import { formatCount, plural } from "@/lib/format";
import { Group, type FieldProps } from "../-code/Fields";
import classes from "../-code/Code.module.css";
import {
  MOST_NUMBERS,
  STEPS,
  unitsInABlock,
  type Aggregate,
  type BoxForm,
  type NumberField,
} from "./form";
import own from "./Box.module.css";

const AGGREGATES: Record<Aggregate, string> = {
  mean: "Off by so much in the number's own unit, and the more the wider its bounds are.",
  median:
    "Off by so many ranks among the blocks. Better where blocks mostly agree within bounds that are wide, or some of them fail.",
};

interface Props extends FieldProps<BoxForm> {
  /** As the owner declared; undefined before a dataset is chosen. */
  units: number | undefined;
}

/** What leaves: over how many blocks, and which numbers within which bounds. */
export function OutputFields({ form, change, wrong, units }: Props) {
  const { numbers } = form;
  const inEach = units === undefined ? null : unitsInABlock(units, form);
  const edit = (at: number, part: Partial<NumberField>) =>
    change({ numbers: numbers.map((each, index) => (index === at ? { ...each, ...part } : each)) });
  return (
    <Group
      title="What leaves"
      lead="What a block returns beyond the bounds counts as the bound; a block that fails counts as the middle."
    >
      <div>
        <SegmentedControl
          aria-label="What of the blocks' numbers leaves"
          value={form.aggregate}
          onChange={(chosen) => {
            const aggregate = chosen as Aggregate;
            change({ aggregate, steps: STEPS[aggregate] });
          }}
          data={[
            { value: "mean", label: "Their mean, with noise" },
            { value: "median", label: "A median, chosen privately" },
          ]}
        />
      </div>
      <p className={classes.hint}>{AGGREGATES[form.aggregate]}</p>
      <div className={classes.fields}>
        <TextInput
          label="Blocks"
          description="More make noise and blocks smaller"
          inputMode="numeric"
          maxLength={4}
          w="16rem"
          value={form.blocks}
          onChange={(event) => change({ blocks: event.currentTarget.value })}
          error={wrong["blocks"]}
        />
        {inEach !== null && (
          <p className={classes.hint}>
            About {inEach === 1 ? "one" : formatCount(inEach)} of the data's {formatCount(units ?? 0)}{" "}
            people in each{inEach < 24 && ": few for most functions"}.
          </p>
        )}
      </div>
      <ol className={own.numbers}>
        {numbers.map((field, at) => (
          <li key={at} className={own.number}>
            <span className={own.name}>Number {at + 1}</span>
            <TextInput
              label="At least"
              aria-label={`Number ${at + 1}, at least`}
              inputMode="decimal"
              value={field.lower}
              onChange={(event) => edit(at, { lower: event.currentTarget.value })}
              error={wrong[`numbers.${at}.lower`]}
            />
            <TextInput
              label="At most"
              aria-label={`Number ${at + 1}, at most`}
              inputMode="decimal"
              value={field.upper}
              onChange={(event) => edit(at, { upper: event.currentTarget.value })}
              error={wrong[`numbers.${at}.upper`]}
            />
            {numbers.length > 1 && (
              <ActionIcon
                variant="subtle"
                aria-label={`Take number ${at + 1} away`}
                onClick={() => change({ numbers: numbers.filter((_, index) => index !== at) })}
              >
                <Icon name="trash" />
              </ActionIcon>
            )}
          </li>
        ))}
      </ol>
      <div>
        <Button
          variant="subtle"
          size="compact-md"
          leftSection={<Icon name="plus" size={16} />}
          disabled={numbers.length >= MOST_NUMBERS}
          onClick={() => change({ numbers: [...numbers, numbers.at(-1) ?? { lower: "", upper: "" }] })}
        >
          Add a number
        </Button>
      </div>
      <p className={classes.hint}>
        {numbers.length === 1
          ? "The function returns one number."
          : `The function returns a list of ${plural(numbers.length, "number")}; they share the privacy.`}{" "}
        Take the bounds from what is public: the noise in a mean grows with the width between them.
      </p>
    </Group>
  );
}
