// Runs the golden vectors that need no fold: encodings, signatures, trees, entries' ids, headers, votes, proofs, and a
// history of blocks through changes of witnesses.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { checkExport } from "./export.mjs";
import { isSigned, listRoot, readCharter, readEntry, stateRoot } from "./ledger.mjs";
import { checkProof } from "./proof.mjs";
import { Refused, decode, digest, encode, refuse } from "./values.mjs";

const hex = (text) => Buffer.from(text, "hex");

/** A decoded value as the vectors write it. */
function shown(value) {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return value.map(shown);
  if (value instanceof Map) return { map: Object.fromEntries([...value].map(([key, item]) => [key, shown(item)])) };
  return value;
}

function isRefused(work) {
  try {
    work();
    return false;
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    return true;
  }
}

const isRightly = (row) => isSigned(hex(row.key), hex(row.message), hex(row.signature));
const proves = (row) => checkProof(hex(row.proof), readCharter(hex(row.charter)));

/** What must be true of each good row, and of each bad one. */
const FILES = {
  encodings: [
    (row) => JSON.stringify(shown(decode(hex(row.bytes)))) === JSON.stringify(row.value),
    (row) => isRefused(() => decode(hex(row.bytes))),
  ],
  signatures: [isRightly, (row) => !isRightly(row)],
  trees: [
    (row) =>
      (row.leaves
        ? listRoot(row.leaves.map(hex))
        : stateRoot(row.pairs.map((pair) => pair.map(hex)))
      ).toString("hex") === row.root,
    () => false,
  ],
  entries: [
    (row) => {
      const entry = readEntry(hex(row.body));
      return entry.id.toString("hex") === row.id && isSigned(entry.key, entry.id, hex(row.signature));
    },
    // Forms of operations are not judged here; those of entries are.
    (row) => row.rule === "E-3" || isRefused(() => readEntry(hex(row.body))),
  ],
  votes: [
    (row) => {
      const named = row.block ? { block: hex(row.block) } : {};
      const { epoch, kind, view } = row;
      const id = digest("vote", encode({ ...named, epoch, kind, network: hex(row.network), view }));
      return id.toString("hex") === row.id && isSigned(hex(row.key), id, hex(row.signature));
    },
    () => false,
  ],
  proofs: [
    (row) => Object.entries(row.shows).every(([key, value]) => proves(row)[key] === value),
    (row) => isRefused(() => proves(row)),
  ],
};

/** A history goes on from row to row, so each is judged behind those before it, as an export. */
function history(rows) {
  const asText = (lines) => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  const upTo = (height) => rows.valid.filter((row) => (row.shows?.height ?? 0) <= height).flatMap((row) => row.lines);
  const reached = (row) => {
    if (!row.shows) return true;
    const shown = checkExport(asText(upTo(row.shows.height)));
    return shown.height === row.shows.height && shown.epoch === row.shows.epoch_after;
  };
  // Who does not fold cannot know that a block changed the witnesses before an export says so.
  const stopped = (row) => row.folds || isRefused(() => checkExport(asText([...upTo(row.after), ...row.lines])));
  return [reached, stopped];
}

/** How many rows of each file were as they say; refuses with the name of the first that is not. */
export function checkVectors(folder) {
  const counted = {};
  for (const [name, tests] of Object.entries({ ...FILES, epochs: history })) {
    const file = join(folder, `${name}.json`);
    if (!existsSync(file)) refuse(`there is no ${name}.json`);
    const rows = JSON.parse(readFileSync(file, "utf8"));
    const [good, bad] = typeof tests === "function" ? tests(rows) : tests;
    for (const row of rows.valid) if (!good(row)) refuse(`${name}: ${row.name} is good and was not taken`);
    for (const row of rows.invalid) if (!bad(row)) refuse(`${name}: ${row.name} breaks ${row.rule} and was taken`);
    counted[name] = rows.valid.length + rows.invalid.length;
  }
  return counted;
}
