import { useQuery } from "@tanstack/react-query";

import { api, unwrap, type Schemas } from "@/api/client";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { plural } from "@/lib/format";
import { liveKeys, personKeysQuery } from "./-PersonKeys";
import classes from "./-people.module.css";
import { useChanged } from "./-useChanged";

/** Deactivates somebody, after saying what ends with it; or lets them in again. */
export function ActiveDialog({ user, onClose }: { user: Schemas["User"]; onClose: () => void }) {
  const changed = useChanged(user.id);
  const keys = useQuery(personKeysQuery(user.id));
  const set = async (active: boolean) => {
    await unwrap(
      api.PATCH("/api/v1/users/{user_id}", {
        params: { path: { user_id: user.id } },
        body: { active },
      }),
    );
    await changed();
  };
  if (!user.active) {
    return (
      <ConfirmDialog
        title={`Activate ${user.name} again?`}
        confirm="Activate"
        onClose={onClose}
        onConfirm={() => set(true)}
      >
        <p>
          They can sign in with the password they had, and have the role, groups, datasets and
          budgets they had. Keys that were ended stay ended.
        </p>
      </ConfirmDialog>
    );
  }
  const ending = liveKeys(keys.data ?? []).length;
  return (
    <ConfirmDialog
      title={`Deactivate ${user.name}?`}
      confirm="Deactivate"
      danger
      onClose={onClose}
      onConfirm={() => set(false)}
    >
      <p>This ends, at once:</p>
      <ul className={classes.ends}>
        <li>every session: they are signed out wherever they are signed in;</li>
        <li>
          {ending > 0
            ? `${plural(ending, "API key")}: programs that use one stop working;`
            : "API keys: they have none that works;"}
        </li>
        <li>links to set a new password, and invitations they made.</li>
      </ul>
      <p>
        What they spent of budgets stays spent, and their requests and answers stay on record. You
        can activate them again; sessions and keys do not come back.
      </p>
    </ConfirmDialog>
  );
}
