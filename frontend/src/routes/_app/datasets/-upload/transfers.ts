/**
 * Files on their way to the site, in pieces. They go on while one looks at other pages; after a
 * reload the browser no longer has the file, so the person picks it again and it goes on where
 * the site says it stopped.
 */

import { useSyncExternalStore } from "react";

import { api, rawFetch, unwrap } from "@/api/client";
import { asApiError, type ApiError } from "@/api/problem";
import type { components } from "@/api/schema";
import { formatOf } from "../-files/read";
import { said } from "./said";
import { digestOf, forgetFile, rememberFile } from "./sameFile";

export type Upload = components["schemas"]["Upload"];
export type Version = components["schemas"]["DatasetVersion"];
export type Purpose = Upload["purpose"];

export interface Transfer {
  id: string;
  dataset: string;
  purpose: Purpose;
  fileName: string;
  size: number;
  /** Bytes that the site has safely. */
  offset: number;
  /** waiting: the site does not answer; it is tried again by itself. */
  state: "sending" | "paused" | "waiting" | "completing" | "done" | "failed";
  /** Bytes a second, lately. */
  rate: number | null;
  error: ApiError | null;
  version: Version | null;
}

const SMALLEST = 256 * 1024;
const LARGEST = 16 * 1024 * 1024;
const FIRST_PIECE = 1024 * 1024;
/** A piece should take about as long as this: pausing and progress are then prompt. */
const PIECE_SECONDS = 1;
const LONGEST_PAUSE = 30_000;

interface Running {
  file: File;
  abort: AbortController;
  active: boolean;
}

let transfers: readonly Transfer[] = [];
const running = new Map<string, Running>();
const listeners = new Set<() => void>();

function tell(next: readonly Transfer[]): void {
  transfers = next;
  for (const listener of listeners) listener();
}

function change(id: string, part: Partial<Transfer>): void {
  tell(transfers.map((each) => (each.id === id ? { ...each, ...part } : each)));
}

function current(id: string): Transfer | undefined {
  return transfers.find((each) => each.id === id);
}

/** What is on its way to one dataset from this tab. */
export function useTransfers(dataset: string, purpose: Purpose): readonly Transfer[] {
  const all = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => transfers,
  );
  return all.filter((each) => each.dataset === dataset && each.purpose === purpose);
}

/** Announces a file and begins to send it. Resolves once the site knows of it. */
export async function startTransfer(
  dataset: string,
  purpose: Purpose,
  file: File,
  person: string,
): Promise<void> {
  const format = formatOf(file.name);
  if (format === null) throw said("Choose a file that ends in .csv, .csv.gz or .parquet.");
  const upload = await unwrap(
    api.POST("/api/v1/datasets/{dataset}/uploads", {
      params: { path: { dataset } },
      body: { format, size: file.size, purpose },
    }),
  );
  await rememberFile(person, upload.id, file);
  begin(upload, file);
}

/** Goes on with an upload that an earlier visit began; the file was checked to be the same. */
export function resumeTransfer(upload: Upload, file: File): void {
  begin(upload, file);
}

function begin(upload: Upload, file: File): void {
  const transfer: Transfer = {
    id: upload.id,
    dataset: upload.dataset,
    purpose: upload.purpose,
    fileName: file.name,
    size: upload.size,
    offset: upload.offset,
    state: "sending",
    rate: null,
    error: null,
    version: null,
  };
  running.set(upload.id, { file, abort: new AbortController(), active: false });
  tell([transfer, ...transfers.filter((each) => each.id !== upload.id)]);
  void send(upload.id);
}

export function pauseTransfer(id: string): void {
  change(id, { state: "paused", rate: null });
  running.get(id)?.abort.abort();
}

export function continueTransfer(id: string): void {
  const job = running.get(id);
  if (!job) return;
  job.abort = new AbortController();
  change(id, { state: "sending", error: null });
  void send(id);
}

/** Ends an upload, here and on the site, and drops what has arrived. */
export async function abandonTransfer(id: string, person: string): Promise<void> {
  if (current(id)) pauseTransfer(id);
  await unwrap(api.DELETE("/api/v1/uploads/{upload_id}", { params: { path: { upload_id: id } } }));
  dismissTransfer(id);
  forgetFile(person, id);
}

/** Takes one that has ended off the screen. */
export function dismissTransfer(id: string): void {
  running.delete(id);
  tell(transfers.filter((each) => each.id !== id));
}

async function send(id: string): Promise<void> {
  const job = running.get(id);
  if (!job || job.active) return;
  job.active = true;
  let pieceSize = FIRST_PIECE;
  let failures = 0;
  try {
    for (;;) {
      const now = current(id);
      if (!now || now.state === "paused") return;
      try {
        if (now.offset >= now.size) {
          change(id, { state: "completing", rate: null });
          const version = await unwrap(
            api.POST("/api/v1/uploads/{upload_id}/complete", {
              params: { path: { upload_id: id } },
            }),
          );
          change(id, { state: "done", version });
          running.delete(id);
          return;
        }
        const began = performance.now();
        const upload = await sendPiece(now, job, pieceSize);
        const seconds = (performance.now() - began) / 1000;
        const rate = (upload.offset - now.offset) / Math.max(seconds, 0.001);
        pieceSize = clamp(rate * PIECE_SECONDS, Math.max(SMALLEST, pieceSize / 2), pieceSize * 2);
        failures = 0;
        if (current(id)?.state === "paused") change(id, { offset: upload.offset });
        else change(id, { offset: upload.offset, state: "sending", rate: smooth(now.rate, rate) });
      } catch (error) {
        if (!(await goOn(id, error, failures))) return;
        failures += 1;
        pieceSize = Math.max(SMALLEST, pieceSize / 4);
      }
    }
  } finally {
    job.active = false;
    // Continued while the paused piece was still on its way out.
    if (current(id)?.state === "sending" && !job.abort.signal.aborted) void send(id);
  }
}

async function sendPiece(now: Transfer, job: Running, size: number): Promise<Upload> {
  const piece = job.file.slice(now.offset, Math.min(now.size, now.offset + Math.round(size)));
  let bytes: ArrayBuffer;
  try {
    bytes = await piece.arrayBuffer();
  } catch {
    throw fileGone();
  }
  const digest = await digestOf(bytes);
  const answer = await rawFetch(`/api/v1/uploads/${now.id}`, {
    method: "PATCH",
    body: new Blob([bytes]),
    signal: job.abort.signal,
    headers: {
      "Content-Type": "application/octet-stream",
      "Upload-Offset": String(now.offset),
      ...(digest === null ? {} : { "Upload-Checksum": digest }),
    },
  });
  return (await answer.json()) as Upload;
}

function fileGone(): ApiError {
  return said(
    "The file can no longer be read: it was changed, moved or deleted since you chose it.",
    "Discard this upload and choose the file again.",
  );
}

/** Whether to try again after `error`, having waited; tells the transfer's state otherwise. */
async function goOn(id: string, error: unknown, failures: number): Promise<boolean> {
  const now = current(id);
  if (!now || now.state === "paused") return false;
  const cause = asApiError(error);
  const passing =
    cause.code === "network" || cause.status >= 500 || cause.status === 429 || cause.status === 409;
  if (!passing || (cause.status === 409 && failures > 4)) {
    change(id, { state: "failed", error: cause, rate: null });
    return false;
  }
  const offsetWrong = cause.status === 409 && failures === 0;
  if (!offsetWrong) {
    change(id, { state: "waiting", error: cause, rate: null });
    await pause(Math.min(LONGEST_PAUSE, 1000 * 2 ** failures), running.get(id)?.abort.signal);
  }
  if (current(id)?.state === "paused") return false;
  try {
    const upload = await unwrap(
      api.GET("/api/v1/uploads/{upload_id}", { params: { path: { upload_id: id } } }),
    );
    if (upload.state !== "open" && upload.state !== "completed") {
      change(id, { state: "failed", error: cause, rate: null });
      return false;
    }
    change(id, { offset: upload.offset, state: "sending", error: null });
  } catch {
    // Still no answer: the next piece finds out, and waits longer.
  }
  return current(id)?.state !== "paused";
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = window.setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      window.clearTimeout(timer);
      resolve();
    });
  });
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(SMALLEST, Math.min(LARGEST, Math.max(low, Math.min(high, value))));
}

function smooth(before: number | null, now: number): number {
  return before === null ? now : before * 0.7 + now * 0.3;
}
