// Checks a proof by the charter alone (SPEC O-1 to O-8).

import {
  EMPTY, WITNESSES, bucketLeaf, bucketOf, checkFinal, epochOf, isSigned, leafOf, node, readEntry, readHeader,
} from "./ledger.mjs";
import { bytes, decode, exactly, list, map, refuse, same, text, whole, written } from "./values.mjs";

const HEADER = bytes(1, 1024);
const SIGNED = map({ places: list(whole(0, 63), 1, 64), signatures: list(bytes(64), 1, 64), view: whole(1) });
const BUCKET = map({
  empty: whole(0, 65535),
  pairs: list(list(bytes(0, 2 ** 20), 2, 2), 0, 10000),
  path: bytes(0, 512),
});
const CLOSING = map({ block: HEADER, bucket: BUCKET, certificate: SIGNED });
const ENTRY = map({
  body: bytes(1, 65536),
  left: whole(0, 65535),
  outcome: text(48, { least: 0 }),
  path: bytes(0, 512),
  signature: bytes(64),
});
const PAIR = map({ bucket: BUCKET }, { key: bytes(1, 256), made: bytes(1, 65536), place: whole(0) });
const PROOF = map(
  { block: HEADER, certificate: SIGNED, version: exactly(1) },
  { above: list(HEADER, 1, 1000), entry: ENTRY, epochs: list(CLOSING, 1, 1000), pair: PAIR },
);
const HOLDING = Buffer.from("holding/", "ascii");
const WITNESSES_KEY = Buffer.from("witnesses", "ascii");

/** A header of this network and epoch. */
function headerOf(body, charter, epoch) {
  const header = readHeader(body);
  if (!same(header.network, charter.network)) refuse("a block is of another network than the charter's");
  if (header.epoch !== epoch.number) refuse(`a block is of epoch ${header.epoch} where ${epoch.number} is reached`);
  if (!same(header.witnesses, epoch.hash)) refuse("a block names other witnesses than those of its epoch");
  if (header.height <= epoch.aboveHeight) refuse("a block stands below the end of the epoch before");
  return header;
}

function checkSigned(signed, header, charter, epoch) {
  if (signed.places.length !== signed.signatures.length) refuse("there is not one signature a witness");
  const votes = signed.places.map((witness, i) => ({ witness, sig: signed.signatures[i] }));
  checkFinal(charter.network, epoch, signed.view, header.id, votes);
}

function siblingsOf(path) {
  if (path.length % 32) refuse("a path is made of hashes of 32 bytes");
  return Array.from({ length: path.length / 32 }, (_, i) => path.subarray(32 * i, 32 * i + 32));
}

/** That all pairs of the bucket of `key` lead to the state. */
function checkBucket(bucket, key, state) {
  const given = siblingsOf(bucket.path);
  let hash = bucketLeaf(bucket.pairs);
  let at = bucketOf(key);
  for (let level = 0; level < 16; level += 1) {
    const sibling = (bucket.empty >> level) & 1 ? EMPTY[level] : given.shift();
    if (sibling === undefined) refuse("a path in the state tree has 16 siblings");
    hash = at & 1 ? node(sibling, hash) : node(hash, sibling);
    at >>= 1;
  }
  if (given.length) refuse("a path in the state tree has 16 siblings");
  if (!same(hash, state)) refuse("the pairs do not lead to the state root");
}

function found(pairs, key) {
  return pairs.find(([one]) => same(one, key))?.[1];
}

/** The epoch after the one that a closing block ended; `closing` as O-4 has it. */
export function nextEpoch(closing, charter, epoch) {
  const header = headerOf(closing.block, charter, epoch);
  checkSigned(closing.certificate, header, charter, epoch);
  checkBucket(closing.bucket, WITNESSES_KEY, header.state);
  const value = found(closing.bucket.pairs, WITNESSES_KEY);
  if (value === undefined) refuse("the state after a closing block names no witnesses");
  const next = WITNESSES(decode(value), "witnesses");
  if (next.epoch !== epoch.number + 1) refuse("a block that is said to have closed its epoch did not");
  return epochOf(next.epoch, next.list, header.height);
}

export function readClosing(data) {
  return CLOSING(decode(data), "epoch_end");
}

/** What a proof shows: {height, time_ms, key?, value?, entry?, outcome?}. */
export function checkProof(data, charter) {
  const proof = PROOF(decode(data), "proof");
  if ("entry" in proof === "pair" in proof) refuse("a proof shows either an entry or a pair");
  let epoch = epochOf(1, charter.witnesses, 0);
  for (const closing of proof.epochs ?? []) epoch = nextEpoch(closing, charter, epoch);
  const header = headerOf(proof.block, charter, epoch);
  let last = header;
  for (const body of proof.above ?? []) {
    const child = headerOf(body, charter, epoch);
    if (!same(child.parent, last.id) || child.height !== last.height + 1) refuse("the headers above do not follow");
    last = child;
  }
  checkSigned(proof.certificate, last, charter, epoch);
  const shown = { height: header.height, time_ms: header.time, epoch: epoch.number };
  return { ...shown, ...(proof.pair ? pairOf(proof.pair, header) : entryOf(proof.entry, header)) };
}

function pairOf(pair, header) {
  const { pairs } = pair.bucket;
  if ("key" in pair === "place" in pair || pair.place >= pairs.length) refuse("either a pair is shown or an absent key");
  const key = pair.key ?? pairs[pair.place][0];
  checkBucket(pair.bucket, key, header.state);
  const value = found(pairs, key);
  if ("key" in pair && value !== undefined) refuse("the key that is said to be absent is there");
  const isHolding = key.length === 73 && same(key.subarray(0, 8), HOLDING);
  if ("made" in pair && !isHolding) refuse("only a holding's proof says what made the thing");
  const shown = { key: Buffer.from(key).toString("hex"), value: value && Buffer.from(value).toString("hex") };
  return isHolding ? { ...shown, ...holdingOf(key, value, pair.made) } : shown;
}

const AMOUNTS = map({}, { free: whole(1), held: whole(1) });

function holdingOf(key, value, made) {
  const letter = String.fromCharCode(key[40]);
  if (!"cou".includes(letter)) refuse("the key is of no kind of holding");
  const thing = key.subarray(41);
  const { free = 0, held = 0 } = value === undefined ? {} : AMOUNTS(decode(value), "holding");
  const shown = { member: written("mem", key.subarray(8, 40)), thing: written(letter === "c" ? "cred" : "asset", thing) };
  if (made === undefined) return { ...shown, free, held };
  const entry = readEntry(made);
  if (!same(entry.id, thing)) refuse("another entry is said to have made the thing");
  const name = letter === "c" ? "credits.open/1" : "assets.register/1";
  if (entry.op.get("t") !== name) refuse("a thing of this kind is made by another operation");
  const called = letter === "c" ? entry.op.get("unit") : entry.op.get("name");
  const total = letter === "c" ? {} : { total: entry.op.get("units") ?? 1_000_000 };
  return { ...shown, free, held, name: called, ...total };
}

function entryOf(shown, header) {
  const entry = readEntry(shown.body);
  const siblings = siblingsOf(shown.path);
  if (shown.left >> siblings.length) refuse("more siblings stand on the left than there are");
  let hash = leafOf(entry.id, shown.signature, shown.outcome);
  siblings.forEach((sibling, i) => {
    hash = (shown.left >> i) & 1 ? node(sibling, hash) : node(hash, sibling);
  });
  if (!same(hash, header.entries)) refuse("the entry and its outcome do not lead to the entries root");
  if (!isSigned(entry.key, entry.id, shown.signature)) refuse("the author's signature is wrong");
  return { entry: written("ent", entry.id), operation: entry.op.get("t"), outcome: shown.outcome };
}
