/** Pages for people who are not signed in: one card on a quiet page. */

import { createFileRoute } from "@tanstack/react-router";

import { Doorway } from "@/app/Doorway";

export const Route = createFileRoute("/_public")({ component: () => <Doorway /> });
