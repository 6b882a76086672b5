import { useQuery } from "@tanstack/react-query";

import { codeReviewQuery, type CodeFinding } from "@/api/code";
import type { ProgramRequest } from "@/api/requests";
import { LEVEL_LOOK, LEVELS } from "@/components/code/levels";
import { lineId } from "@/components/code/rows";
import { Visible } from "@/components/code/Visible";
import { Badge } from "@/components/StateBadge";
import classes from "./code.module.css";

/** All that reading the program found, by how grave it is; each leads to its line. */
export default function FoundList({ request }: { request: ProgramRequest }) {
  const review = useQuery(codeReviewQuery(request.id));
  if (!review.data) return null;
  const { findings } = review.data;
  return (
    <section className={classes.found} aria-label="What the analysis found">
      <h3>What the analysis found</h3>
      {findings.length === 0 ? (
        <p>Nothing that stands out. Read it all the same.</p>
      ) : (
        LEVELS.map((level) => {
          const here = findings.filter((finding) => finding.level === level);
          if (here.length === 0) return null;
          const look = LEVEL_LOOK[level];
          return (
            <details key={level} className={classes.level} open={level !== "note"}>
              <summary>
                <Badge
                  label={`${here.length} ${(here.length === 1 ? look.one : look.many).toLowerCase()}`}
                  tone={look.tone}
                  icon={look.icon}
                />
              </summary>
              <ul className={classes.list}>
                {here.map((finding, index) => (
                  <li key={index}>
                    <button type="button" onClick={() => goTo(finding)}>
                      <span className={classes.place}>
                        {finding.path}, line {finding.line}
                      </span>
                      <Visible text={finding.message} />
                    </button>
                  </li>
                ))}
              </ul>
            </details>
          );
        })
      )}
      <p className="soft">Advice, and no proof. The sandbox holds, whatever it says.</p>
    </section>
  );
}

function goTo({ path, line }: CodeFinding): void {
  const element = document.getElementById(lineId(path, line));
  element?.scrollIntoView({ block: "center" });
  element?.focus({ preventScroll: true });
}
