import { lazy } from "react";

import { useSession } from "@/api/session";
import { Initials } from "@/components/PersonName";
import { LazyMenu } from "./LazyMenu";

const UserMenuItems = lazy(() => import("./UserMenuItems"));

export function UserMenu() {
  const { user } = useSession();
  return (
    <LazyMenu label={`You: ${user.name}`} popup="menu" Menu={UserMenuItems}>
      <Initials name={user.name} />
    </LazyMenu>
  );
}
