// Values and their one encoding: strict canonical MessagePack, digests, forms and written ids (SPEC B-1 to B-7, K-5).
//
// Bool, safe integer, string, Uint8Array, array and Map become each other and nothing else; whatever is not the one
// encoding of its value is refused.

import { createHash } from "node:crypto";

export class Refused extends Error {}

export function refuse(sentence) {
  throw new Refused(sentence);
}

const BYTES_MAX = 2 ** 20;
const DEPTH_MAX = 16;
const CONTAINERS_MAX = 20_000;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What Unicode 15.0 and 15.1 assigned (SPEC, "Why only the signs of Unicode 14?"); this program's tables know more. */
const LATER =
  String.raw`\u{cf3}\u{ece}\u{2ffc}-\u{2fff}\u{31ef}\u{10efd}-\u{10eff}\u{1123f}-\u{11241}\u{11b00}-\u{11b09}` +
  String.raw`\u{11f00}-\u{11f10}\u{11f12}-\u{11f3a}\u{11f3e}-\u{11f59}\u{1342f}\u{13439}-\u{13455}\u{1b132}\u{1b155}` +
  String.raw`\u{1d2c0}-\u{1d2d3}\u{1df25}-\u{1df2a}\u{1e030}-\u{1e06d}\u{1e08f}\u{1e4d0}-\u{1e4f9}\u{1f6dc}` +
  String.raw`\u{1f774}-\u{1f776}\u{1f77b}-\u{1f77f}\u{1f7d9}\u{1fa75}-\u{1fa77}\u{1fa87}-\u{1fa88}\u{1faad}-\u{1faaf}` +
  String.raw`\u{1fabb}-\u{1fabd}\u{1fabf}\u{1face}-\u{1facf}\u{1fada}-\u{1fadb}\u{1fae8}\u{1faf7}-\u{1faf8}\u{2b739}` +
  String.raw`\u{2ebf0}-\u{2ee5d}\u{31350}-\u{323af}`;
const UNSETTLED = new RegExp(`[\\p{Cn}\\p{Cs}${LATER}]`, "u");

/** The value in `bytes`; a map becomes a Map. */
export function decode(bytes, bytesMax = BYTES_MAX) {
  if (bytes.length > bytesMax) refuse(`${bytes.length} bytes where at most ${bytesMax} are allowed`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  let containers = 0;

  function take(count) {
    if (at + count > bytes.length) refuse("the bytes end too early");
    at += count;
    return at - count;
  }
  function number(size, signed) {
    const from = take(size);
    if (size === 8) {
      const big = signed ? view.getBigInt64(from) : view.getBigUint64(from);
      if (big > BigInt(Number.MAX_SAFE_INTEGER) || big < BigInt(Number.MIN_SAFE_INTEGER)) refuse("beyond 2^53 - 1");
      return Number(big);
    }
    if (size === 4) return signed ? view.getInt32(from) : view.getUint32(from);
    if (size === 2) return signed ? view.getInt16(from) : view.getUint16(from);
    return signed ? view.getInt8(from) : view.getUint8(from);
  }
  function shortest(value, least) {
    if (value < least) refuse("not the shortest encoding");
    return value;
  }
  function negative(size, most) {
    const value = number(size, true);
    if (value > most) refuse("not the shortest encoding");
    return value;
  }
  function raw(length) {
    const from = take(length);
    return bytes.subarray(from, from + length);
  }
  function text(length) {
    let value;
    try {
      value = utf8.decode(raw(length));
    } catch (problem) {
      if (problem instanceof Refused) throw problem;
      refuse("a text is not UTF-8");
    }
    if (value.normalize("NFC") !== value || UNSETTLED.test(value)) refuse("a text is not in NFC, or of Unicode 14");
    return value;
  }
  function open(depth, length) {
    if (depth === 0) refuse("nested too deeply");
    containers += 1;
    if (bytes.length > CONTAINERS_MAX && containers > CONTAINERS_MAX) refuse("too many lists and maps");
    if (length > bytes.length - at) refuse("the bytes end too early");
    return length;
  }
  function list(depth, length) {
    const made = [];
    for (let i = open(depth, length); i > 0; i -= 1) made.push(value(depth - 1));
    return made;
  }
  function map(depth, length) {
    const made = new Map();
    let last = "";
    for (let i = open(depth, length); i > 0; i -= 1) {
      const key = value(depth - 1);
      if (typeof key !== "string" || !/^[\x00-\x7f]+$/.test(key)) refuse("a map key is not ASCII text");
      if (key <= last) refuse("map keys are not in byte order");
      last = key;
      made.set(key, value(depth - 1));
    }
    return made;
  }
  function value(depth) {
    const head = number(1, false);
    if (head < 0x80) return head;
    if (head < 0x90) return map(depth, head & 15);
    if (head < 0xa0) return list(depth, head & 15);
    if (head < 0xc0) return text(head & 31);
    if (head >= 0xe0) return head - 256;
    switch (head) {
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: return raw(number(1, false));
      case 0xc5: return raw(shortest(number(2, false), 2 ** 8));
      case 0xc6: return raw(shortest(number(4, false), 2 ** 16));
      case 0xcc: return shortest(number(1, false), 2 ** 7);
      case 0xcd: return shortest(number(2, false), 2 ** 8);
      case 0xce: return shortest(number(4, false), 2 ** 16);
      case 0xcf: return shortest(number(8, false), 2 ** 32);
      case 0xd0: return negative(1, -33);
      case 0xd1: return negative(2, -129);
      case 0xd2: return negative(4, -32769);
      case 0xd3: return negative(8, -2147483649);
      case 0xd9: return text(shortest(number(1, false), 32));
      case 0xda: return text(shortest(number(2, false), 2 ** 8));
      case 0xdb: return text(shortest(number(4, false), 2 ** 16));
      case 0xdc: return list(depth, shortest(number(2, false), 16));
      case 0xdd: return list(depth, shortest(number(4, false), 2 ** 16));
      case 0xde: return map(depth, shortest(number(2, false), 16));
      case 0xdf: return map(depth, shortest(number(4, false), 2 ** 16));
      default: return refuse("nil, a float or an extension type");
    }
  }

  const found = value(DEPTH_MAX);
  if (at !== bytes.length) refuse("something follows the value");
  return found;
}

function head(short, shortMax, wide, length) {
  if (length <= shortMax) return Buffer.from([short | length]);
  const sizes = wide.length === 3 ? [1, 2, 4] : [2, 4];
  const size = sizes.find((one) => length < 2 ** (8 * one));
  const made = Buffer.alloc(1 + size);
  made[0] = wide[sizes.indexOf(size)];
  made.writeUIntBE(length, 1, size);
  return made;
}

/** The bytes of what votes and witness lists are made of: whole numbers from 0, text, bytes, lists, plain objects. */
export function encode(value) {
  if (typeof value === "number") {
    if (value < 2 ** 32) return head(0, 0x7f, [0xcc, 0xcd, 0xce], value);
    const made = Buffer.alloc(9, 0xcf);
    made.writeBigUInt64BE(BigInt(value), 1);
    return made;
  }
  if (typeof value === "string") {
    const data = Buffer.from(value, "utf8");
    return Buffer.concat([head(0xa0, 31, [0xd9, 0xda, 0xdb], data.length), data]);
  }
  if (value instanceof Uint8Array) return Buffer.concat([head(0, -1, [0xc4, 0xc5, 0xc6], value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(0x90, 15, [0xdc, 0xdd], value.length), ...value.map(encode)]);
  const keys = Object.keys(value).sort();
  const pairs = keys.flatMap((key) => [encode(key), encode(value[key])]);
  return Buffer.concat([head(0x80, 15, [0xde, 0xdf], keys.length), ...pairs]);
}

export function sha256(...parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function digest(purpose, ...parts) {
  return sha256(Buffer.from(`dpnode/${purpose}/1`, "ascii"), ...parts);
}

export function same(one, other) {
  return Buffer.compare(one, other) === 0;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyz234567";

/** How people read an id: its kind, a dash and 52 letters. */
export function written(kind, id) {
  let letters = "";
  for (let bit = 0; bit < 260; bit += 5) {
    let five = 0;
    for (let i = bit; i < bit + 5; i += 1) five = (five << 1) | (i < 256 ? (id[i >> 3] >> (7 - (i & 7))) & 1 : 0);
    letters += LETTERS[five];
  }
  return `${kind}-${letters}`;
}

// A form judges a value and gives it back; a map becomes a plain object.

export const bytes = (least, most = least) => (value, what) =>
  value instanceof Uint8Array && value.length >= least && value.length <= most
    ? value
    : refuse(`${what}: ${least} to ${most} bytes are expected`);

export const whole = (least, most = Number.MAX_SAFE_INTEGER) => (value, what) =>
  typeof value === "number" && value >= least && value <= most
    ? value
    : refuse(`${what}: a whole number from ${least} to ${most} is expected`);

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

export const text = (most, { least = 1, lines = false } = {}) => (value, what) => {
  if (typeof value !== "string") refuse(`${what}: text is expected`);
  const size = Buffer.byteLength(value, "utf8");
  if (size < least || size > most) refuse(`${what}: text of ${least} to ${most} bytes is expected`);
  if (UNPRINTABLE.test(lines ? value.replaceAll("\n", " ") : value)) refuse(`${what}: unprintable signs`);
  return value;
};

export const exactly = (wanted) => (value, what) =>
  value === wanted ? value : refuse(`${what}: ${wanted} is expected`);

export const list = (of, least, most) => (value, what) => {
  if (!Array.isArray(value) || value.length < least || value.length > most) {
    refuse(`${what}: a list of ${least} to ${most} is expected`);
  }
  return value.map((item, i) => of(item, `${what}[${i}]`));
};

export const map = (required, optional = {}) => (value, what) => {
  if (!(value instanceof Map)) refuse(`${what}: a map is expected`);
  for (const key of Object.keys(required)) if (!value.has(key)) refuse(`${what}: ${key} is missing`);
  const made = {};
  for (const [key, item] of value) {
    const form = Object.hasOwn(required, key) ? required[key] : Object.hasOwn(optional, key) ? optional[key] : null;
    if (form === null) refuse(`${what}: there is a key that is not known`);
    made[key] = form(item, `${what}.${key}`);
  }
  return made;
};

export const ID = bytes(32);
export const MOMENT = whole(0, 2 ** 47);
