import { lazy } from "react";

import { Icon } from "@/components/Icon";
import { LazyMenu } from "./LazyMenu";
import classes from "./NotificationsBell.module.css";
import { useUnread } from "./notifications";

const NotificationsPanel = lazy(() => import("./NotificationsPanel"));

export function NotificationsBell() {
  const count = useUnread().data?.length ?? 0;
  const shown = count > 99 ? "99+" : String(count);
  return (
    <LazyMenu
      label={count === 0 ? "Notifications" : `Notifications, ${shown} unread`}
      popup="dialog"
      Menu={NotificationsPanel}
    >
      <Icon name="bell" size={21} />
      {count > 0 && (
        <span className={classes.count} aria-hidden="true">
          {shown}
        </span>
      )}
    </LazyMenu>
  );
}
