import { Link } from "@tanstack/react-router";

import type { components } from "@/api/schema";
import { BudgetBar } from "@/components/BudgetBar";
import { Section } from "@/components/Section";
import classes from "./home.module.css";

type LowBudget = components["schemas"]["LowBudget"];

/** Accounts that have a tenth or less left. */
export function LowBudgets({ budgets }: { budgets: readonly LowBudget[] }) {
  return (
    <Section title="Budgets running low" lead="A tenth or less is left of each.">
      <ul className={classes.list}>
        {budgets.map((budget) => {
          const whose = budget.person?.name ?? "Everyone together";
          return (
            <li key={budget.account_id}>
              <Link to={budget.link} className={classes.budget}>
                <span>
                  {whose} at {budget.population}
                </span>
                <BudgetBar
                  spent={1 - budget.share_left}
                  label={`Budget of ${whose} at ${budget.population}`}
                />
              </Link>
            </li>
          );
        })}
      </ul>
    </Section>
  );
}
