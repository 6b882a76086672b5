// Lays a .gz beside every text file of the build: the site sends those, and compresses nothing itself.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const TEXT = /\.(js|css|svg|txt)$/;

for (const entry of readdirSync("dist", { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !TEXT.test(entry.name)) continue;
  const path = `${entry.parentPath}/${entry.name}`;
  const whole = readFileSync(path);
  const small = gzipSync(whole, { level: 9 });
  if (small.length < 0.9 * whole.length) writeFileSync(`${path}.gz`, small);
}
