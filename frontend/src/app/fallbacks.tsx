/** What is shown in place of a page: on its way, not there, or broken. */

import { Button } from "@mantine/core";
import { Link, useRouter, type ErrorComponentProps } from "@tanstack/react-router";

import { openApi, unwrap } from "@/api/client";
import { isMissingPart } from "@/api/problem";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { LoadingState } from "@/components/LoadingState";
import { PageHeader } from "@/components/PageHeader";
import { useSubmit } from "@/hooks/useSubmit";

export function PagePending() {
  return <LoadingState what="the page" />;
}

export function PageNotFound() {
  return (
    <>
      <PageHeader title="Not found" />
      <EmptyState
        title="There is nothing at this address"
        action={
          <Button component={Link} to="/">
            Go home
          </Button>
        }
      >
        It may have been removed, or you may not see it. Check the link, or look for it from home.
      </EmptyState>
    </>
  );
}

export function PageError({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const again = useSubmit(async () => {
    if (isMissingPart(error)) {
      // A file that was missed once is not asked for again: only a new page does that. With the
      // site still down there would be none.
      await unwrap(openApi.GET("/api/v1/site"));
      location.reload();
      return;
    }
    reset();
    await router.invalidate();
  });
  return (
    <>
      <PageHeader title="This page could not be shown" />
      <ErrorState error={again.error ?? error} onRetry={() => void again.submit()} />
    </>
  );
}
