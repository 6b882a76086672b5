// Prints what a browser fetches before it can show anything, and fails when it is too much.
import { readFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";

const MOST_KB = 200;
const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8"));
const size = (file) => gzipSync(readFileSync(`dist/${file}`), { level: 9 }).length / 1000;

/** A chunk with everything it imports before it runs. */
function closure(key, seen = new Set()) {
  if (!seen.has(key)) {
    seen.add(key);
    for (const next of manifest[key].imports ?? []) closure(next, seen);
  }
  return seen;
}

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const route = (file) =>
  Object.keys(manifest).filter((key) => key.startsWith(`src/routes/${file}?`));
const first = new Set();
for (const key of [entry, ...route("_app.tsx"), ...route("_app/index.tsx")]) closure(key, first);

const files = [...first].map((key) => manifest[key].file);
const styles = new Set([...first].flatMap((key) => manifest[key].css ?? []));
const scripts = files.reduce((sum, file) => sum + size(file), 0);
const sheets = [...styles].reduce((sum, file) => sum + size(file), 0);
const figure = `${scripts.toFixed(1)} kB of JavaScript and ${sheets.toFixed(1)} kB of CSS, gzip`;
console.log(`First load: ${figure} (at most ${MOST_KB} kB of JavaScript)`);
for (const file of files.toSorted((a, b) => size(b) - size(a)).slice(0, 8)) {
  console.log(`  ${size(file).toFixed(1).padStart(6)} kB  ${file}`);
}
if (scripts > MOST_KB) {
  console.error(`The first load is over ${MOST_KB} kB: load something lazily.`);
  process.exit(1);
}

rmSync("dist/.vite", { recursive: true }); // it was for this alone
