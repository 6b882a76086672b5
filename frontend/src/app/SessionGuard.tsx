import { lazy, Suspense, useEffect, useRef, useState } from "react";

import { onSessionEnded } from "@/api/client";

const SignInAgain = lazy(() => import("./SignInAgain"));

/**
 * When the session ends in the middle of work, a dialog asks for the password over the page, and
 * the request that found out is sent again: no form loses what was typed.
 */
export function SessionGuard() {
  const decide = useRef<((signedIn: boolean) => void) | null>(null);
  const [open, setOpen] = useState(false);
  const [deactivated, setDeactivated] = useState(false);

  useEffect(() => {
    onSessionEnded(
      (account) =>
        new Promise<boolean>((resolve) => {
          decide.current = resolve;
          setDeactivated(account);
          setOpen(true);
        }),
    );
    return () => onSessionEnded(null);
  }, []);

  if (!open) return null;
  return (
    <Suspense>
      <SignInAgain
        deactivated={deactivated}
        onEnd={(signedIn) => {
          setOpen(false);
          decide.current?.(signedIn);
          decide.current = null;
        }}
      />
    </Suspense>
  );
}
