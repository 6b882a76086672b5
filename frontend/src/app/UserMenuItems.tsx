import { Menu, useMantineColorScheme, type MantineColorScheme } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";

import { useSession, useSignOut } from "@/api/session";
import { Icon } from "@/components/Icon";
import { ROLE_NAMES } from "@/lib/roles";
import { openShortcutsHelp } from "@/hooks/useShortcuts";
import type { LazyMenuProps } from "./LazyMenu";
import { SCHEMES } from "./scheme";
import classes from "./UserMenu.module.css";

export default function UserMenuItems({ opened, setOpened, target }: LazyMenuProps) {
  const { user } = useSession();
  const signOut = useSignOut();
  const navigate = useNavigate();
  return (
    <Menu opened={opened} onChange={setOpened} position="bottom-end" width={272}>
      <Menu.Target>{target}</Menu.Target>
      <Menu.Dropdown>
        <div className={classes.who}>
          <strong>{user.name}</strong>
          <span>{user.email}</span>
          <span>{ROLE_NAMES[user.role]}</span>
        </div>
        <Menu.Divider />
        <Menu.Item component={Link} to="/profile" leftSection={<Icon name="person" />}>
          Profile
        </Menu.Item>
        <Menu.Item leftSection={<Icon name="keyboard" />} onClick={openShortcutsHelp}>
          Keyboard shortcuts
        </Menu.Item>
        <Menu.Item
          component="a"
          href="/docs"
          target="_blank"
          rel="noreferrer"
          leftSection={<Icon name="link" />}
        >
          API reference
        </Menu.Item>
        <Menu.Divider />
        <SchemeItems />
        <Menu.Divider />
        <Menu.Item
          leftSection={<Icon name="out" />}
          onClick={() => {
            void signOut().finally(() => void navigate({ to: "/sign-in", replace: true }));
          }}
        >
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function SchemeItems() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <>
      <Menu.Label>Theme</Menu.Label>
      <Menu.RadioGroup
        value={colorScheme}
        onChange={(value) => setColorScheme(value as MantineColorScheme)}
      >
        {SCHEMES.map(({ value, label }) => (
          <Menu.RadioItem key={value} value={value}>
            {label}
          </Menu.RadioItem>
        ))}
      </Menu.RadioGroup>
    </>
  );
}
