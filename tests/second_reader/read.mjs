// A stranger's reader of a ledger, written from ledger/SPEC.md alone, with Node's own library.
//
//   node read.mjs export FILE               checks an export; prints what it holds
//   node read.mjs proof FILE CHARTER        checks a proof by a charter; prints what it shows
//   node read.mjs vectors FOLDER            checks the golden vectors that need no fold
//   node read.mjs many                      answers each JSON line {"export": text} or {"proof", "charter": base64}
//
// Prints one JSON object and ends with 0, or with 1 and a sentence where something does not hold.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { checkExport } from "./export.mjs";
import { readCharter } from "./ledger.mjs";
import { checkProof } from "./proof.mjs";
import { Refused } from "./values.mjs";
import { checkVectors } from "./vectors.mjs";

/** {shows} or {refused}; whatever else is thrown is a fault of this program and ends it. */
function judged(work) {
  try {
    return { shows: work() };
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    return { refused: problem.message };
  }
}

const proved = (proof, charter) => checkProof(proof, readCharter(charter));
const WORK = {
  export: (file) => checkExport(readFileSync(file, "utf8")),
  proof: (file, charter) => proved(readFileSync(file), readFileSync(charter)),
  vectors: checkVectors,
};

const [what, ...given] = process.argv.slice(2);
if (what === "many") {
  for await (const text of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(text);
    const work = "export" in asked
      ? () => checkExport(asked.export)
      : () => proved(Buffer.from(asked.proof, "base64"), Buffer.from(asked.charter, "base64"));
    console.log(JSON.stringify(judged(work)));
  }
} else if (Object.hasOwn(WORK, what ?? "") && given.length === WORK[what].length) {
  const answer = judged(() => WORK[what](...given));
  if ("refused" in answer) {
    console.error(answer.refused);
    process.exitCode = 1;
  } else {
    console.log(JSON.stringify(answer.shows));
  }
} else {
  console.error("usage: read.mjs export FILE | proof FILE CHARTER | vectors FOLDER | many");
  process.exitCode = 2;
}
