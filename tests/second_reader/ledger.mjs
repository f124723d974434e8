// What stands on a ledger and who signed it: charter, headers, certificates, entries, trees (SPEC B-5 to B-9, E-1, E-2,
// F-1 to F-3, K-1, S-2, V-1 to V-4). Nothing is folded: what an entry does is not looked at.

import { createPublicKey, verify } from "node:crypto";

import {
  ID, MOMENT, bytes, decode, digest, encode, exactly, list, map, refuse, same, sha256, text, whole,
} from "./values.mjs";

// -- signatures

const SPKI = Buffer.from("302a300506032b6570032100", "hex");
const P = 2n ** 255n - 19n;
const SMALL_Y = new Set([
  0n,
  1n,
  P - 1n,
  little("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
  little("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]);

function little(hex) {
  return BigInt(`0x${Buffer.from(hex, "hex").reverse().toString("hex")}`);
}

/** Whether 32 bytes are a canonical point that is not of small order, as far as its y tells. */
function isSoundPoint(point) {
  const y = little(Buffer.from(point).toString("hex")) & (2n ** 255n - 1n);
  return y < P && !SMALL_Y.has(y);
}

export function isSigned(key, message, signature) {
  if (key.length !== 32 || signature.length !== 64) return false;
  if (!isSoundPoint(key) || !isSoundPoint(signature.subarray(0, 32))) return false;
  try {
    const made = createPublicKey({ key: Buffer.concat([SPKI, key]), format: "der", type: "spki" });
    return verify(null, message, made, signature);
  } catch {
    return false;
  }
}

// -- the charter

const LIMITS = ["block_bytes", "block_entries", "day_bytes", "day_entries", "reserve_entries", "invitations_open",
  "invitation_ms", "until_ms"];
const FURTHER_LIMITS = ["motions_open", "motion_ms", "accept_ms", "vote_after_ms", "rekey_ms"];
const WITNESS = map({ key: ID, member: ID });
const CHARTER = map(
  {
    created: MOMENT,
    founders: list(
      map({ name: text(80), next: ID, peer: bytes(1, 64), root: ID, sealing: ID, working: ID }), 1, 64),
    limits: map(
      Object.fromEntries(LIMITS.map((name) => [name, whole(1)])),
      Object.fromEntries(FURTHER_LIMITS.map((name) => [name, whole(0)])),
    ),
    name: text(80),
    purpose: text(1000, { lines: true }),
    version: exactly(1),
    witnesses: list(WITNESS, 1, 64),
  },
  { arbiters: list(ID, 1, 8), rules: text(16000, { lines: true }) },
);

export function readCharter(body) {
  const charter = CHARTER(decode(body, 65536), "charter");
  const members = charter.founders.map((one) => digest("member", one.root, one.next).toString("hex"));
  const seats = charter.witnesses.map((one) => Buffer.from(one.member).toString("hex"));
  if (new Set(members).size !== members.length) refuse("a founder stands in the charter twice");
  if (new Set(seats).size !== seats.length) refuse("a witness stands in the charter twice");
  if (seats.some((one) => !members.includes(one))) refuse("a witness is no founder");
  const keys = [...charter.founders.flatMap((one) => [one.root, one.working]), ...charter.witnesses.map((one) => one.key)];
  if (new Set(keys.map((key) => Buffer.from(key).toString("hex"))).size !== keys.length) refuse("a key stands twice");
  return { ...charter, network: digest("charter", body), members };
}

export function checkFounding(charter, signatures) {
  const message = digest("founding", charter.network);
  charter.founders.forEach((founder, i) => {
    const signature = signatures.get(charter.members[i]);
    if (!signature || !isSigned(founder.root, message, signature)) refuse(`the founder ${founder.name} has not signed`);
  });
}

/** A number and a list of witnesses that count from here on. */
export function epochOf(number, witnesses, aboveHeight) {
  const plain = witnesses.map(({ key, member }) => ({ key, member }));
  return { number, witnesses: plain, hash: digest("witnesses", encode(plain)), aboveHeight };
}

export const WITNESSES = map({ epoch: whole(1), list: list(WITNESS, 1, 64) });

// -- blocks and votes

const HEADER = map({
  entries: ID, epoch: whole(1), height: whole(1), network: ID, parent: ID, state: ID, time: MOMENT, view: whole(1),
  witnesses: ID,
});

export function readHeader(body) {
  return { ...HEADER(decode(body, 1024), "header"), id: digest("block", body) };
}

const CERTIFICATE = map(
  {
    epoch: whole(1),
    kind: (value, what) => (["finalize", "notarize", "nullify"].includes(value) ? value : refuse(`${what}: no kind`)),
    view: whole(1),
    votes: list(map({ sig: bytes(64), witness: whole(0, 63) }), 1, 64),
  },
  { block: ID },
);

export function readCertificate(body) {
  const certificate = CERTIFICATE(decode(body, 8192), "certificate");
  if ((certificate.kind === "nullify") === "block" in certificate) refuse("certificate: a block is named wrongly");
  return certificate;
}

/** That a quorum of the epoch's witnesses finalized a block in a view; `votes` are [{sig, witness}...]. */
export function checkFinal(network, epoch, view, block, votes) {
  const count = epoch.witnesses.length;
  const quorum = count - Math.floor((count - 1) / 3);
  const message = digest("vote", encode({ block, epoch: epoch.number, kind: "finalize", network, view }));
  let last = -1;
  for (const { sig, witness } of votes) {
    if (witness <= last || witness >= count) refuse("the certificate's witnesses are not distinct, in order and listed");
    last = witness;
    if (!isSigned(epoch.witnesses[witness].key, message, sig)) refuse(`the signature of witness ${witness} is wrong`);
  }
  if (votes.length < quorum) refuse(`${votes.length} of ${count} witnesses signed, ${quorum} are needed`);
}

// -- entries

const OPERATION = (value, what) => {
  if (!(value instanceof Map) || typeof value.get("t") !== "string") refuse(`${what}: an operation has its name under t`);
  return value;
};
const ENTRY = map({ key: ID, network: ID, op: OPERATION, seq: whole(1), until: MOMENT }, { skips: exactly(true) });

export function readEntry(body) {
  return { ...ENTRY(decode(body, 65536), "entry"), id: digest("entry", body) };
}

export function leafOf(id, signature, outcome) {
  if (!/^[\x20-\x7e]{0,48}$/.test(outcome)) refuse("an outcome is at most 48 signs of ASCII");
  return digest("leaf", id, signature, Buffer.from(outcome, "ascii"));
}

// -- trees

export function node(left, right) {
  return digest("node", left, right);
}

/** The root over leaves: left covers the largest power of two below the size. */
export function listRoot(leaves) {
  if (leaves.length === 0) return digest("node");
  if (leaves.length === 1) return leaves[0];
  let left = 1;
  while (left * 2 < leaves.length) left *= 2;
  return node(listRoot(leaves.slice(0, left)), listRoot(leaves.slice(left)));
}

export function bucketOf(key) {
  return sha256(key).readUInt16BE(0);
}

export function bucketLeaf(pairs) {
  const parts = pairs.flat().flatMap((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return [length, part];
  });
  return digest("bucket", ...parts);
}

export const EMPTY = [bucketLeaf([])];
for (let level = 1; level < 16; level += 1) EMPTY.push(node(EMPTY[level - 1], EMPTY[level - 1]));

/** The root of a whole state. */
export function stateRoot(pairs) {
  const buckets = new Map();
  for (const pair of [...pairs].sort((one, other) => Buffer.compare(one[0], other[0]))) {
    const bucket = bucketOf(pair[0]);
    buckets.set(bucket, [...(buckets.get(bucket) ?? []), pair]);
  }
  let level = new Map([...buckets].map(([bucket, inside]) => [bucket, bucketLeaf(inside)]));
  for (const empty of EMPTY) {
    const above = new Map();
    for (const i of new Set([...level.keys()].map((one) => one >> 1))) {
      above.set(i, node(level.get(2 * i) ?? empty, level.get(2 * i + 1) ?? empty));
    }
    level = above;
  }
  return level.get(0) ?? node(EMPTY[15], EMPTY[15]);
}


