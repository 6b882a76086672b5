import type { CodeContent, RequestRound } from "@/api/requests";
import { FileView } from "@/components/code/FileView";
import { limitRows, pythonValue, reachWords } from "@/lib/program";
import { Changed, FromTo, Prose } from "./-Changes";
import classes from "./-Changes.module.css";
import { programTitle } from "./-words";

interface Props {
  before: RequestRound;
  after: RequestRound;
}

/** What differs between two rounds of a program: purpose, files, parameters, how far it reaches. */
export function CodeChanges({ before, after }: Props) {
  const [old, now] = [before.content, after.content];
  if (old?.kind !== "code" || now?.kind !== "code") return null;
  const pairs: [title: string, from: string, to: string][] = [
    ["Begins with", programTitle(old), programTitle(now)],
    ["Parameters", parametersInWords(old), parametersInWords(now)],
    ["What an approval covers", coverInWords(old), coverInWords(now)],
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

function textOf(content: CodeContent, path: string): string | undefined {
  return content.files.find((file) => file.path === path)?.text;
}

function parametersInWords({ parameters }: CodeContent): string {
  const all = Object.entries(parameters ?? {});
  return all.map(([name, value]) => `${name} = ${pythonValue(value)}`).join(", ") || "none";
}

function coverInWords({ reach }: CodeContent): string {
  return reach ? reachWords(reach) : "just this run";
}

function environmentInWords({ environment }: CodeContent): string {
  return `${environment.name} (${environment.lock_hash.slice(0, 12)})`;
}

function limitsInWords({ limits }: CodeContent): string {
  return limitRows(limits)
    .map(([label, words]) => `${label.toLowerCase()} ${words}`)
    .join(", ");
}
