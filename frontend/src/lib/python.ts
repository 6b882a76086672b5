/** A question as the Python client asks it. */

import type { Schemas } from "@/api/client";

export type Target = Schemas["RequestCreate"]["target"];
export type Bounds = Schemas["UnitBounds"];

export interface Asked {
  dataset: string;
  sql: string;
  target: Target;
  bounds?: Bounds | null;
  purpose?: string;
}

/** Code that asks this again: what was asked before comes back as it was answered, at no cost. */
export function asPython({ dataset, sql, target, bounds, purpose }: Asked, site: string): string {
  const privacy =
    target.kind === "accuracy"
      ? `    within=${number(target.within)},\n    confidence=${number(target.confidence)},\n`
      : target.kind === "rho"
        ? `    rho=${number(target.rho)},\n`
        : `    epsilon=${number(target.epsilon)},\n`;
  const limits = bounds
    ? `    bounds={"rows_per_unit": ${bounds.rows_per_unit}, ` +
      `"rows_per_group": ${bounds.rows_per_group}, "groups_per_unit": ${bounds.groups_per_unit}},\n`
    : "";
  const why = purpose?.trim() ? `purpose=${quoted(purpose.trim())}` : "";
  return `import carrel

# Your API key is read from the environment: CARREL_API_KEY.
site = carrel.connect(${quoted(site)})
question = site.datasets[${quoted(dataset)}].sql(
    ${sqlText(sql.trim())},
${privacy}${limits})
print(question.price())
result = question.run(${why})
print(result)
`;
}

/** What was released of a program's run, as the Python client fetches it. */
export function codeResultAsPython(request: string, site: string): string {
  return `import carrel

# Your API key is read from the environment: CARREL_API_KEY.
site = carrel.connect(${quoted(site)})
released = site.requests[${quoted(request)}].result()
for name, value in released.items():
    print(name, value, sep="\\n")
`;
}

/** A black box's answer, as the Python client fetches it. */
export function boxResultAsPython(request: string, site: string): string {
  return `import carrel

# Your API key is read from the environment: CARREL_API_KEY.
site = carrel.connect(${quoted(site)})
result = site.requests[${quoted(request)}].wait()
print(result)
`;
}

function number(value: number): string {
  return String(value); // what JavaScript writes, Python reads: 0.1, 1e-7
}

/** JSON's strings are Python's too, but for the half of a surrogate pair, which no form sends. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

/** Several lines stay several lines, between three quotes. */
function sqlText(sql: string): string {
  if (!sql.includes("\n")) return quoted(sql);
  const lines = sql.replaceAll("\\", "\\\\").replaceAll('"""', '\\"\\"\\"');
  return `"""\n${lines}${lines.endsWith('"') ? " " : ""}\n    """`;
}
