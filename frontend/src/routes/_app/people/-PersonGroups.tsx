import { ActionIcon, Button, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { api, unwrap, type Schemas } from "@/api/client";
import { ErrorNote } from "@/components/ErrorState";
import { Icon } from "@/components/Icon";
import { Section } from "@/components/Section";
import { useSubmit } from "@/hooks/useSubmit";
import { groupChoicesQuery } from "./-queries";
import classes from "./-people.module.css";
import { useChanged } from "./-useChanged";

/** The groups somebody is in; owners put them in and take them out. */
export function PersonGroups({ user, owner }: { user: Schemas["User"]; owner: boolean }) {
  const changed = useChanged(user.id);
  const groups = useQuery({ ...groupChoicesQuery, enabled: owner });
  const [chosen, setChosen] = useState<string | null>(null);
  const path = (group: string) => ({ params: { path: { group, user_id: user.id } } });
  const join = useSubmit(async (group: string) => {
    await unwrap(api.PUT("/api/v1/groups/{group}/members/{user_id}", path(group)));
    setChosen(null);
    await changed();
  });
  const leave = useSubmit(async (group: string) => {
    await unwrap(api.DELETE("/api/v1/groups/{group}/members/{user_id}", path(group)));
    await changed();
  });
  const others = (groups.data ?? []).filter(
    ({ id }) => !user.groups.some((group) => group.id === id),
  );
  return (
    <Section
      title="Groups"
      lead="A dataset’s rules can ask for a vote from a group, and a group can be given access in one go."
    >
      {user.groups.length > 0 ? (
        <ul className={classes.chips} aria-label={`Groups of ${user.name}`}>
          {user.groups.map((group) => (
            <li key={group.id} className={classes.chip}>
              <Link to="/people/groups/$group" params={{ group: group.id }}>
                {group.name}
              </Link>
              {owner && (
                <ActionIcon
                  size="sm"
                  radius="xl"
                  aria-label={`Take ${user.name} out of ${group.name}`}
                  disabled={leave.busy}
                  onClick={() => void leave.submit(group.id)}
                >
                  <Icon name="close" size={14} />
                </ActionIcon>
              )}
            </li>
          ))}
        </ul>
      ) : (
        <p className="soft">In no group.</p>
      )}
      {owner && user.active && others.length > 0 && (
        <div className={classes.acts}>
          <Select
            className={classes.grow}
            label="Put into a group"
            placeholder="Choose a group"
            searchable
            value={chosen}
            onChange={setChosen}
            data={others.map(({ id, name }) => ({ value: id, label: name }))}
          />
          <Button
            variant="default"
            disabled={chosen === null}
            loading={join.busy}
            onClick={() => chosen !== null && void join.submit(chosen)}
          >
            Put in
          </Button>
        </div>
      )}
      {(join.error ?? leave.error) && <ErrorNote error={join.error ?? leave.error} />}
    </Section>
  );
}
