import type { CodeContent, RequestRound } from "@/api/requests";
import { FileView } from "@/components/code/FileView";
import { formatCount, formatNumber, formatShare } from "@/lib/format";
import { limitRows, parametersInWords, reachWords } from "@/lib/program";
import { Changed, FromTo, Prose } from "./-Changes";
import classes from "./-Changes.module.css";
import { programTitle, targetInWords } from "./-words";

interface Props {
  before: RequestRound;
  after: RequestRound;
}

/** What differs between two rounds of a program: purpose, files, parameters, how far it reaches. */
export function CodeChanges({ before, after }: Props) {
  const [old, now] = [before.content, after.content];
  if (!old || !now) return null;
  const pairs: Pair[] = [
    ["Begins with", programTitle(old), programTitle(now)],
    ["Parameters", parametersInWords(old.parameters), parametersInWords(now.parameters)],
    ...(old.kind === "code" && now.kind === "code" ? pairsOfCode(old, now) : []),
    ...(old.kind === "black_box" && now.kind === "black_box"
      ? pairsOfBlackBox(before, after, old, now)
      : []),
    ["Environment", environmentInWords(old), environmentInWords(now)],
    ["Limits", limitsInWords(old), limitsInWords(now)],
  ];
  const paths = [...new Set([...now.files, ...old.files].map(({ path }) => path))];
  const files = paths.filter((path) => textOf(old, path) !== textOf(now, path));
  const others = pairs.filter(([, from, to]) => from !== to);
  const purpose = before.purpose !== after.purpose;
  if (!purpose && files.length === 0 && others.length === 0) {
    return <p className="soft">Nothing that is shown here differs.</p>;
  }
  return (
    <div className={classes.changes}>
      {purpose && (
        <Changed title="Purpose">
          <Prose before={before.purpose} after={after.purpose} />
        </Changed>
      )}
      {files.map((path) => (
        <FileView
          key={path}
          path={path}
          text={textOf(now, path) ?? null}
          before={textOf(old, path) ?? ""}
        />
      ))}
      {others.map(([title, from, to]) => (
        <Changed key={title} title={title}>
          <FromTo from={from} to={to} />
        </Changed>
      ))}
    </div>
  );
}

type Content = NonNullable<RequestRound["content"]>;
type BlackBoxContent = Extract<Content, { kind: "black_box" }>;
type Pair = [title: string, from: string, to: string];

function textOf(content: Content, path: string): string | undefined {
  return content.files.find((file) => file.path === path)?.text;
}

function pairsOfCode(old: CodeContent, now: CodeContent): Pair[] {
  return [["What an approval covers", coverInWords(old), coverInWords(now)]];
}

function pairsOfBlackBox(
  before: RequestRound,
  after: RequestRound,
  old: BlackBoxContent,
  now: BlackBoxContent,
): Pair[] {
  return [
    ["Table's name", old.data.alias, now.data.alias],
    ["Blocks", String(old.blocks), String(now.blocks)],
    ["Leaves", `the ${old.aggregate} of each number`, `the ${now.aggregate} of each number`],
    ["Numbers", numbersInWords(old), numbersInWords(now)],
    ["Privacy", privacyInWords(before), privacyInWords(after)],
    ["Price, of the requester's budget", priceInWords(before), priceInWords(after)],
  ];
}

function numbersInWords({ output }: BlackBoxContent): string {
  const { lower, upper, steps } = output;
  const bounds = lower.map((low, at) => `${formatNumber(low)} to ${formatNumber(upper[at] ?? low)}`);
  return `${bounds.join("; ")}, in ${formatCount(steps)} steps`;
}

function privacyInWords({ target }: RequestRound): string {
  return target ? targetInWords(target) : "";
}

function priceInWords({ price }: RequestRound): string {
  return price ? formatShare(price.share) : "";
}

function coverInWords({ reach }: CodeContent): string {
  return reach ? reachWords(reach) : "just this run";
}

function environmentInWords({ environment }: Content): string {
  return `${environment.name} (${environment.lock_hash.slice(0, 12)})`;
}

function limitsInWords({ limits }: Content): string {
  return limitRows(limits)
    .map(([label, words]) => `${label.toLowerCase()} ${words}`)
    .join(", ");
}
