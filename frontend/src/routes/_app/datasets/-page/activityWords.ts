/** What happened to a dataset, as a person would say it. */

import type { components } from "@/api/schema";
import { formatBytes } from "@/lib/format";

export type Activity = components["schemas"]["Activity"];

type Say = (detail: Record<string, unknown>) => string;

const WORDS: Record<string, Say> = {
  "dataset.created": () => "registered the dataset",
  "dataset.updated": changed,
  "access.given": () => "gave somebody access",
  "access.taken": () => "took somebody's access away",
  "terms.accepted": (detail) => `accepted the terms${revision(detail)}`,
  "upload.started": (detail) =>
    `began an upload${typeof detail["size"] === "number" ? ` of ${formatBytes(detail["size"])}` : ""}`,
  "upload.abandoned": () => "discarded an upload",
  "upload.expired": () => "an unfinished upload lapsed and was dropped",
  "version.uploaded": (detail) =>
    detail["purpose"] === "mock" ? "uploaded made-up rows" : "uploaded a version",
  "version.ready": (detail) =>
    detail["current"] === true ? "a version is ready and answers now" : "a version is ready",
  "version.failed": () => "a version could not be read in",
  "version.cancelled": () => "stopped reading a version in",
  "version.same_people": () => "a version may be about people of another population",
  "mock.compared": () => "made-up rows were compared with the private ones",
  "mock.accepted": () => "let people have made-up rows that are like private ones",
  "mock.removed": () => "went back to generated made-up rows",
  "request.submitted": (detail) =>
    detail["approval"] === "automatic" ? "asked a question that rules approved" : "asked a question",
  "request.edited": () => "edited a request",
  "request.approved": () => "a request was approved",
  "request.rejected": () => "a request was rejected",
  "request.changes_requested": () => "a request was returned for changes",
  "request.withdrawn": () => "withdrew a request",
  "request.expired": () => "a request lapsed without an answer",
  "request.voted": () => "voted on a request",
  "request.commented": () => "commented on a request",
  "request.over_budget": () => "a request went over budget",
  "request.reused": () => "asked what was answered before, at no charge",
};

function revision(detail: Record<string, unknown>): string {
  return typeof detail["revision"] === "number" ? ` (revision ${detail["revision"]})` : "";
}

function changed(detail: Record<string, unknown>): string {
  const words = (detail["words"] ?? {}) as Record<string, unknown>;
  const parts = [
    ...Object.keys(words),
    ...("table" in detail ? ["columns or bounds"] : []),
    ...("policy" in detail ? ["rules"] : []),
    ...("terms" in detail ? ["terms"] : []),
  ];
  return parts.length === 0 ? "changed the dataset" : `changed its ${parts.join(", ")}`;
}

export function activityWords(event: Activity): string {
  const words = WORDS[event.action]?.(event.detail as Record<string, unknown>);
  return words ?? event.action.replaceAll("_", " ").replace(".", ": ");
}
