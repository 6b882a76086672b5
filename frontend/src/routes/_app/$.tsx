import { createFileRoute } from "@tanstack/react-router";

import { PageNotFound } from "@/app/fallbacks";

/** Any address that no other page has. */
export const Route = createFileRoute("/_app/$")({ component: PageNotFound });
