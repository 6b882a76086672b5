import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  Outlet,
  type ErrorComponentProps,
} from "@tanstack/react-router";

import { Doorway } from "@/app/Doorway";
import { PageError } from "@/app/fallbacks";

export const Route = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  component: Outlet,
  errorComponent: OutsideError,
});

/** Where there is no shell yet: the site did not say who is signed in. */
export function OutsideError(props: ErrorComponentProps) {
  return (
    <Doorway>
      <PageError {...props} />
    </Doorway>
  );
}
