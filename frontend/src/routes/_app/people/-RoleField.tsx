import type { Role } from "@/api/session";
import { ROLE_DUTIES, ROLE_NAMES } from "@/lib/roles";
import classes from "./-people.module.css";

export const ROLES = ["researcher", "reviewer", "auditor", "owner"] as const satisfies Role[];

/** A choice of role, each with what it may do: nobody has to know the words. */
export function RoleField({ value, onChange }: { value: Role; onChange: (role: Role) => void }) {
  return (
    <fieldset className={classes.fieldset}>
      <legend>Role</legend>
      <div className={classes.roles}>
        {ROLES.map((role) => (
          <label key={role} className={classes.role}>
            <input
              type="radio"
              name="role"
              value={role}
              checked={value === role}
              onChange={() => onChange(role)}
            />
            <strong>{ROLE_NAMES[role]}</strong>
            <span className={classes.duty}>{upper(ROLE_DUTIES[role])}.</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function upper(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
