// Checks an export from its charter to its last block: links, certificates, entries roots, ids and signatures, and the
// witnesses of every epoch (SPEC O-10 to O-12). What the entries do, and so the state roots, is not computed.

import {
  checkFinal, checkFounding, epochOf, isSigned, leafOf, listRoot, readCertificate, readCharter, readEntry, readHeader,
} from "./ledger.mjs";
import { nextEpoch, readClosing } from "./proof.mjs";
import { digest, refuse, same, written } from "./values.mjs";

function base64(text, what) {
  if (typeof text !== "string") refuse(`${what} is missing`);
  const data = Buffer.from(text, "base64");
  if (data.toString("base64") !== text) refuse(`${what} is not base64`);
  return data;
}

function line(text, number, is) {
  let value;
  try {
    value = JSON.parse(text ?? "");
  } catch {
    refuse(`line ${number} is no JSON, or is missing`);
  }
  if (value === null || typeof value !== "object" || value.is !== is) refuse(`line ${number} is not of kind ${is}`);
  return value;
}

/** {charter, height, entries, refused, authors, epochs} of an export; `text` is the whole file. */
export function checkExport(text) {
  if (/[^\x0a\x20-\x7e]/.test(text) || !text.endsWith("\n")) refuse("an export is whole lines of ASCII");
  const lines = text.slice(0, -1).split("\n");
  const charter = charterOf(line(lines[0], 1, "charter"));
  const counts = { entries: 0, refused: 0 };
  const authors = new Set();
  let epoch = epochOf(1, charter.witnesses, 0);
  let parent = { id: charter.network, height: 0, time: charter.created, view: 0 };
  let open = 0;
  for (let at = 1; at < lines.length; ) {
    const block = line(lines[at], at + 1, "block");
    const header = headerOf(block, charter, epoch, parent);
    if (!Number.isSafeInteger(block.entries) || block.entries < 0) refuse("a block says how many entries it holds");
    const leaves = lines.slice(at + 1, at + 1 + block.entries).map((one, i) => {
      const entry = line(one, at + 2 + i, "entry");
      authors.add(entry.body && Buffer.from(readEntry(base64(entry.body, "body")).key).toString("hex"));
      counts.entries += 1;
      counts.refused += entry.outcome === "" ? 0 : 1;
      return entryOf(entry, charter, header);
    });
    if (leaves.length !== block.entries || !same(listRoot(leaves), header.entries)) {
      refuse(`the entries of block ${header.height} are not those its header names`);
    }
    open += 1;
    if (block.certificate !== undefined) {
      finalOf(block, header, charter, epoch);
      open = 0;
    }
    parent = header;
    if (block.epoch_end !== undefined) {
      if (open) refuse(`block ${header.height} closes its epoch without a certificate of its own`);
      const closing = readClosing(base64(block.epoch_end, "epoch_end"));
      if (!same(digest("block", closing.block), header.id)) refuse("the end of an epoch is said of another block");
      epoch = nextEpoch(closing, charter, epoch);
      parent = { ...header, view: 0 };
    }
    at += 1 + block.entries;
  }
  if (open) refuse("the last block has no certificate");
  return { network: written("net", charter.network), height: parent.height, ...counts, authors: authors.size,
    epoch: epoch.number };
}

function charterOf(value) {
  const charter = readCharter(base64(value.body, "the charter"));
  if (value.network !== written("net", charter.network)) refuse("the charter is of another network than is said");
  if (!Array.isArray(value.founding)) refuse("the founders' signatures are missing");
  const ids = new Map(charter.members.map((member) => [written("mem", Buffer.from(member, "hex")), member]));
  checkFounding(
    charter,
    new Map(value.founding.map((one) => [ids.get(one?.member), base64(one?.signature, "a founder's signature")])),
  );
  return charter;
}

function headerOf(block, charter, epoch, parent) {
  const header = readHeader(base64(block.header, "a header"));
  const where = `block ${parent.height + 1}`;
  if (block.id !== written("blk", header.id) || block.height !== header.height) refuse(`${where} is named wrongly`);
  if (!same(header.network, charter.network)) refuse(`${where} is of another network`);
  if (header.height !== parent.height + 1 || !same(header.parent, parent.id)) refuse(`${where} does not follow`);
  if (header.time <= parent.time) refuse(`${where} is not later than its parent`);
  if (header.epoch !== epoch.number || !same(header.witnesses, epoch.hash)) refuse(`${where} names other witnesses`);
  if (header.view <= parent.view) refuse(`${where} names a view that is not above its parent's`);
  return header;
}

function finalOf(block, header, charter, epoch) {
  const certificate = readCertificate(base64(block.certificate, "a certificate"));
  if (certificate.kind !== "finalize" || certificate.epoch !== epoch.number || !same(certificate.block, header.id)) {
    refuse(`the certificate of block ${header.height} finalizes something else`);
  }
  if (certificate.view < header.view) refuse(`block ${header.height} was finalized before it was proposed`);
  checkFinal(charter.network, epoch, certificate.view, header.id, certificate.votes);
}

function entryOf(value, charter, header) {
  const entry = readEntry(base64(value.body, "an entry"));
  const signature = base64(value.signature, "a signature");
  if (value.id !== written("ent", entry.id) || value.height !== header.height) refuse("an entry is named wrongly");
  if (!same(entry.network, charter.network)) refuse("an entry is of another network");
  if (entry.until < header.time) refuse("an entry had lapsed");
  if (typeof value.outcome !== "string") refuse("an entry has no outcome");
  if (!isSigned(entry.key, entry.id, signature)) refuse(`the author's signature of ${value.id} is wrong`);
  return leafOf(entry.id, signature, value.outcome);
}
