import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "vite";

const FILES = /^(licen[cs]e|copying|notice|copyrightnotice)(\.(md|txt))?$/i;
const RULE = "-".repeat(80);
/** Of a package that names these terms and was published without their text. */
const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

interface Package {
  name: string;
  version: string;
  licence: string;
  texts: string[];
}

/**
 * Writes `licences.txt`: what is bundled of others, fonts too, and under which terms.
 *
 * `copied`: files of packages that go into the build without being imported, with the notices that
 * come beside them. A package without a licence ends the build.
 */
export function licences(copied: string[]): Plugin {
  return {
    name: "carrel-licences",
    apply: "build",
    generateBundle() {
      const folders = new Set<string>();
      for (const id of [...this.getModuleIds(), ...copied]) {
        const folder = folderOf(id);
        if (folder !== null) folders.add(folder);
      }
      const packages = [...folders]
        .map((folder) => read(folder, copied))
        .toSorted((a, b) => a.name.localeCompare(b.name, "en") || (a.version < b.version ? -1 : 1));
      this.emitFile({ type: "asset", fileName: "licences.txt", source: written(packages) });
    },
  };
}

/** The package that a module is of: the folder below the last node_modules in its path. */
function folderOf(id: string): string | null {
  const found = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/?]+)\//.exec(id);
  return found?.[1] ?? null;
}

function read(folder: string, copied: string[]): Package {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    name: string;
    version: string;
    license?: string;
    author?: string | { name: string };
  };
  const beside = copied
    .filter((file) => dirname(file) === folder)
    .map((file) => `${file}.LICENSE.txt`);
  const files = readdirSync(folder).toSorted();
  const texts = files
    .filter((file) => FILES.test(file) || beside.includes(join(folder, file)))
    .map((file) => readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim());
  const author = typeof manifest.author === "object" ? manifest.author.name : manifest.author;
  if (texts.length === 0 && manifest.license === "MIT" && author) {
    texts.push(`Copyright (c) ${author}\n\n${MIT}`);
  }
  if (texts.length === 0 || manifest.license === undefined) {
    throw new Error(`${manifest.name} comes without a licence: it cannot be bundled.`);
  }
  return { name: manifest.name, version: manifest.version, licence: manifest.license, texts };
}

function written(packages: Package[]): string {
  const list = packages.map((p) => `${p.name} ${p.version} (${p.licence})`);
  const parts = packages.map((p, at) => [RULE, list[at], RULE, "", p.texts.join("\n\n")].join("\n"));
  return [
    "Carrel's web console is made with the work of others, fonts included. These are their terms.",
    list.join("\n"),
    ...parts,
    "",
  ].join("\n\n");
}
