import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';

/** A request as bytes, for one method. */
export interface GeneratedRequest {
  readonly method: DescMethod;
  readonly contentType: 'proto' | 'json';
  readonly body: Buffer;
}

/** Ids that mean something to the service under test. */
export interface KnownIds {
  readonly rooms: readonly string[];
  readonly messages: readonly string[];
  readonly users: readonly number[];
}

/** Answers pseudo-random numbers in [0, 1); the same for the same seed. */
export type Random = () => number;

/** A small generator with 32 bits of state (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One of the methods with fields of every kind of good and bad value, as proto or JSON, sometimes damaged. */
export function generateRequest(
  random: Random,
  methods: readonly DescMethod[],
  known: KnownIds,
): GeneratedRequest {
  const method = pick(random, methods);
  const values = messageValues(random, method.input, known);
  if (random() < 0.5) {
    const text = JSON.stringify(jsonOf(random, method.input, values));
    return { method, contentType: 'json', body: damage(random, Buffer.from(text)) };
  }
  const encoded = toBinary(method.input, create(method.input, protoOf(method.input, values)));
  return { method, contentType: 'proto', body: damage(random, breakText(random, Buffer.from(encoded))) };
}

/** In proto its three bytes are replaced by bytes that are no UTF-8. */
const BROKEN = '\ue000';
const NOT_UTF8 = [
  [0xff, 0xfe, 0xfd],
  [0xc0, 0x80, 0x80],
  [0xed, 0xa0, 0x80],
  [0xe2, 0x82, 0x22],
] as const;

const TEXTS: readonly string[] = [
  ...[
    '',
    ' ',
    'x',
    '0',
    '-1',
    '7',
    '007',
    '2147483648',
    '1e9',
    'null',
    'true',
    '[object Object]',
    '__proto__',
  ],
  ...[
    "'; DROP TABLE room; --",
    '%',
    '_',
    '\\',
    '\\x00',
    '$1',
    '{}',
    '<script>',
    '../../etc/passwd',
    '*',
    '>',
    'a.b',
  ],
  ...['\0', 'a\0b', '\u202e', '\ufeff', '👋', 'e\u0301', BROKEN, `x${BROKEN}`, '\ud83d', 'x\udc4b', '\r\n'],
  ...[
    'p2p',
    'group',
    'channel',
    'GROUP',
    'OWNER',
    'ADMIN',
    'MEMBER',
    'owner',
    'IOS',
    'web',
    'Android',
    'new_name',
  ],
  ...['2024-05-06T07:08:09Z', '2024-05-06T07:08:09.123', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59-23:59'],
  ...[
    '2024-02-30T00:00:00Z',
    'yesterday',
    '1714979289',
    '2024-05-06',
    '10000-01-01T00:00:00Z',
    '2024-05-06T25:00:00Z',
  ],
  ...[
    'AAAA',
    '!!',
    'ABEiM0RVZneImaq7zN3u/w==',
    'x'.repeat(33),
    'x'.repeat(65),
    '👋'.repeat(256),
    'x'.repeat(2049),
  ],
  ...[
    'y'.repeat(8193),
    '\u00e9'.repeat(5000),
    '5f0c9a52-7d5e-4c59-9a5c-9a3f6b1f7c1',
    '5f0c9a527d5e4c599a5c9a3f6b1f7c11',
  ],
];
const INTS = [0, 1, -1, 2, 50, 100, 101, 2_147_483_647, -2_147_483_648, 1_000_000];
const UINTS = [0, 1, 2, 3, 50, 51, 100, 101, 65_536, 2_147_483_648, 4_294_967_295];
const DOUBLES = [0, -0, 1.5, -90, 181, 1e308, -1e308, 5e-324, Number.NaN, Number.POSITIVE_INFINITY];
const ENUMS = [0, 1, 2, 3, 4, 5, 6, 99, -1, 2_147_483_647];
const LENGTHS = [0, 1, 1, 1, 2, 2, 3, 5];
const LONG_LENGTHS = [100, 501, 1001];

/** Field name → value; nested messages likewise. */
type Values = { readonly [field: string]: unknown };

function messageValues(random: Random, message: DescMessage, known: KnownIds): Values {
  const entries: [string, unknown][] = [];
  for (const field of message.fields) {
    // Ids of rooms and messages decide how far a request gets: they are there more often.
    if (random() < (isId(field) ? 0.95 : 0.5))
      entries.push([field.localName, fieldValue(random, field, known)]);
  }
  return Object.fromEntries(entries);
}

function fieldValue(random: Random, field: DescField, known: KnownIds): unknown {
  if (field.fieldKind !== 'list') return singleValue(random, field, known);
  const length = pick(random, random() < 0.03 ? LONG_LENGTHS : LENGTHS);
  return Array.from({ length }, () => singleValue(random, field, known));
}

function singleValue(random: Random, field: DescField, known: KnownIds): unknown {
  if (field.message !== undefined) return messageValues(random, field.message, known);
  if (field.enum !== undefined) return pick(random, ENUMS);
  switch (field.scalar) {
    case ScalarType.BOOL:
      return random() < 0.5;
    case ScalarType.DOUBLE:
      return pick(random, DOUBLES);
    case ScalarType.INT32:
      return random() < 0.5 ? pick(random, known.users) : pick(random, INTS);
    case ScalarType.UINT32:
      return pick(random, UINTS);
    default:
      return textValue(random, field, known);
  }
}

function textValue(random: Random, field: DescField, known: KnownIds): string {
  const dice = random();
  if (field.name === 'user' && dice < 0.5) return String(pick(random, known.users));
  if (!isId(field) && dice < 0.85) return pick(random, TEXTS);
  if (dice < 0.2) return pick(random, TEXTS);
  if (dice < 0.25) return crypto.randomUUID();
  const id = pick(random, random() < 0.5 ? known.rooms : known.messages);
  return random() < 0.1 ? id.toUpperCase() : id;
}

function isId(field: DescField): boolean {
  return field.scalar === ScalarType.STRING && /(^|_)ids?$/.test(field.name);
}

/** What a generated class takes: text that UTF-8 can hold. */
function protoOf(message: DescMessage, values: Values): Values {
  const convert = (field: DescField, value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((item: unknown) => convert(field, item));
    if (typeof value === 'string') return value.toWellFormed();
    return field.message !== undefined ? protoOf(field.message, asValues(value)) : value;
  };
  return Object.fromEntries(
    message.fields.flatMap((f) =>
      f.localName in values ? [[f.localName, convert(f, values[f.localName])]] : [],
    ),
  );
}

/** What a client may write as JSON; now and then of the wrong type. */
function jsonOf(random: Random, message: DescMessage, values: Values): Values {
  const convert = (field: DescField, value: unknown): unknown => {
    if (random() < 0.01) return pick<unknown>(random, [null, {}, [], 1.5, -1, 1e300, 'NOPE', true, [[[]]]]);
    if (Array.isArray(value)) return value.map((item: unknown) => convert(field, item));
    if (field.message !== undefined) return jsonOf(random, field.message, asValues(value));
    if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
    return typeof value === 'number' && random() < 0.1 ? String(value) : value;
  };
  const name = (field: DescField): string => (random() < 0.9 ? field.jsonName : field.name);
  const known = message.fields.flatMap((f) =>
    f.localName in values ? [[name(f), convert(f, values[f.localName])]] : [],
  );
  return Object.fromEntries(random() < 0.05 ? [...known, ['unknownField', 1]] : known);
}

function asValues(value: unknown): Values {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function breakText(random: Random, body: Buffer): Buffer {
  const marker = Buffer.from(BROKEN);
  for (let at = body.indexOf(marker); at >= 0; at = body.indexOf(marker, at))
    body.set(pick(random, NOT_UTF8), at);
  return body;
}

/** Some bodies arrive cut, overwritten, or as something else altogether. */
function damage(random: Random, body: Buffer): Buffer {
  const dice = random();
  if (dice > 0.08) return body;
  if (dice < 0.02)
    return Buffer.from(Array.from({ length: Math.floor(random() * 64) }, () => random() * 256));
  if (dice < 0.04) return body.subarray(0, Math.floor(random() * body.length));
  if (dice < 0.045) return Buffer.from('['.repeat(20_000));
  if (dice < 0.05) return Buffer.alloc(70_000, 0x0a);
  const copy = Buffer.from(body);
  if (copy.length > 0) copy[Math.floor(random() * copy.length)] = random() * 256;
  return copy;
}

function pick<T>(random: Random, list: readonly T[]): T {
  const item = list[Math.floor(random() * list.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}
