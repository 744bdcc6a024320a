// When to come back and from where: the back-off, and the cursors in both their forms.

const kDelayMaxMs = 30000;
const kHashDigits = 8;

// At once, then 1 s + random(0–1 s), 2 s + random(0–2 s), 4 s …, at most 30 s.
export function backoff_ms(attempt, random = Math.random) {
  if (attempt <= 0) return 0;
  const base = 1000 * 2 ** Math.min(attempt - 1, 10);
  return Math.min(base + random() * base, kDelayMaxMs);
}

// `general=17,dev=4`: the form that names its channels. Names are percent-encoded, the separators are not.
export function named_cursor(positions) {
  return positions.map(([channel, id]) => `${encodeURIComponent(channel)}=${id}`).join(',');
}

export function name_list(channels) {
  return channels.map(encodeURIComponent).join(',');
}

// What a cursor that the server gave says about `names` (channels by their full names): the position of each, by name.
// One channel has a decimal id; several have a hash of the sorted names and each position in base 36, in that order.
// Null when it was made for other channels.
export function read_cursor(cursor, names) {
  if (names.length === 1 && /^\d{1,16}$/.test(cursor)) return new Map([[names[0], Number(cursor)]]);
  const sorted = names.map((name) => ({ name, bytes: new TextEncoder().encode(name) })).sort((a, b) => compare(a.bytes, b.bytes));
  const [hash, ...positions] = cursor.split('.');
  if (positions.length !== sorted.length || parseInt(hash, 16) !== hash_of(sorted) || hash.length !== kHashDigits) return null;
  return new Map(sorted.map(({ name }, i) => [name, parseInt(positions[i], 36)]));
}

function compare(a, b) {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return a[i] - b[i];
  }
  return a.length - b.length;
}

// FNV-1a, 32 bits, over the names with a comma behind each.
function hash_of(sorted) {
  let hash = 2166136261;
  const mix = (byte) => { hash = Math.imul(hash ^ byte, 16777619); };
  for (const { bytes } of sorted) {
    bytes.forEach(mix);
    mix(0x2c);
  }
  return hash >>> 0;
}
