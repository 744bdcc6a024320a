// When to come back and from where: the back-off and the cursor that all transports share.

const kDelayMaxMs = 30000;

// At once, then 1 s + random(0–1 s), 2 s + random(0–2 s), … at most 30 s.
export function backoff_ms(attempt, random = Math.random) {
  if (attempt <= 0) return 0;
  const base = 1000 * 2 ** Math.min(attempt - 1, 10);
  return Math.min(base + random() * base, kDelayMaxMs);
}

// `general=17,dev=4`: the cursor form that names its channels. Names percent-encoded, the separators not.
export function named_cursor(positions) {
  return [...positions].map(([channel, id]) => `${encodeURIComponent(channel)}=${id}`).join(',');
}

export function name_list(channels) {
  return [...channels].map(encodeURIComponent).join(',');
}
