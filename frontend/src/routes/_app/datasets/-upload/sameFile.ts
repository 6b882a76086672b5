/**
 * Whether a file that was picked again is the one an upload began with. What is remembered (name,
 * size, time, digests of both ends) stays in this browser, under the person's id.
 */

import type { Upload } from "./transfers";

interface Remembered {
  name: string;
  size: number;
  modified: number;
  ends: string | null;
}

const END = 1024 * 1024;

function place(person: string, upload: string): string {
  return `upload:${person}:${upload}`;
}

/** SHA-256 in hex; null where the browser has none to offer (http from another machine). */
export async function digestOf(bytes: BufferSource): Promise<string | null> {
  if (!window.isSecureContext) return null;
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function describe(file: File): Promise<Remembered> {
  const ends = new Blob([file.slice(0, END), file.slice(Math.max(0, file.size - END))]);
  return {
    name: file.name,
    size: file.size,
    modified: file.lastModified,
    ends: await digestOf(await ends.arrayBuffer()),
  };
}

export async function rememberFile(person: string, upload: string, file: File): Promise<void> {
  try {
    localStorage.setItem(place(person, upload), JSON.stringify(await describe(file)));
  } catch {
    // Without a memory, a file of the same size is taken for the same.
  }
}

export function forgetFile(person: string, upload: string): void {
  localStorage.removeItem(place(person, upload));
}

function remembered(person: string, upload: string): Remembered | null {
  try {
    return JSON.parse(localStorage.getItem(place(person, upload)) ?? "null") as Remembered | null;
  } catch {
    return null;
  }
}

export function rememberedName(person: string, upload: string): string | null {
  return remembered(person, upload)?.name ?? null;
}

/** Why `file` is not the one that `upload` began with; null if it is, as far as can be told. */
export async function differs(person: string, upload: Upload, file: File): Promise<string | null> {
  if (file.size !== upload.size) {
    return "This is another file: its size differs from the one that was begun.";
  }
  const before = remembered(person, upload.id);
  if (before === null) return null;
  const now = await describe(file);
  const same =
    before.ends !== null && now.ends !== null
      ? before.ends === now.ends
      : before.name === now.name && before.modified === now.modified;
  return same ? null : "This is another file, or it was changed since the upload began.";
}
