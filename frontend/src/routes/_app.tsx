/** Everything behind sign-in. The shell is drawn once; pages change inside it. */

import { createFileRoute, redirect } from "@tanstack/react-router";

import { sessionQuery, setupQuery } from "@/api/session";
import { Shell } from "@/app/Shell";
import { OutsideError } from "./__root";

export const Route = createFileRoute("/_app")({
  beforeLoad: async ({ context, location }) => {
    const session = await context.queryClient.ensureQueryData(sessionQuery);
    if (session) return;
    const setup = await context.queryClient.ensureQueryData(setupQuery);
    if (!setup.done) throw redirect({ to: "/setup" });
    const next = location.href === "/" ? undefined : location.href;
    throw redirect({ to: "/sign-in", search: { next } });
  },
  component: Shell,
  errorComponent: OutsideError,
});
