// What the end of a connection asks of the client, by its close code or its HTTP status.
//
// do: 'again' (reconnect), 'token' (fetch a token first), 'stop'. `busy` skips the immediate first retry; `blocked` says
// that something between here and the server may be in the way, so that another transport may get through.

const kStops = new Map([
  [1000, 'the server closed the connection'],
  [1002, 'protocol error'],
  [1003, 'unsupported data'],
  [1007, 'invalid text'],
  [1008, 'refused by policy'],
  [1009, 'message too big'],
  [4003, 'forbidden'],
  [4011, 'closed by an administrator'],
]);
const kBusy = new Map([[1011, 'internal error'], [1013, 'try again later'], [4029, 'rate limited']]);
const kToken = new Map([[4001, 'unauthorized'], [4010, 'the token has expired']]);
const kAgain = new Map([[1001, 'going away'], [4008, 'too slow']]);

export function verdict_of_close(code, reason) {
  const meaning = kStops.get(code) ?? kBusy.get(code) ?? kToken.get(code) ?? kAgain.get(code) ?? 'connection lost';
  const text = reason && reason.toLowerCase() !== meaning ? `${meaning} (${code}: ${reason})` : `${meaning} (${code})`;
  if (kStops.has(code)) return { do: 'stop', code, reason: text };
  if (kToken.has(code)) return { do: 'token', code, reason: text };
  return { do: 'again', code, reason: text, busy: kBusy.has(code), blocked: !kBusy.has(code) && !kAgain.has(code) };
}

// `error`: the server's own {code, message}, when the body had one; an answer without it came from something in between.
export function verdict_of_status(status, error, retry_after_s = 0) {
  const reason = error?.message ?? `HTTP ${status}`;
  const code = error?.code ?? status;
  if (status === 204) return { do: 'stop', code: status, reason: 'the room has ended' };
  if (status === 401) return { do: 'token', code, reason };
  const passing = status === 408 || status === 425 || status === 429 || status >= 500;
  if (passing) return { do: 'again', code, reason, busy: true, blocked: !error, after_ms: 1000 * retry_after_s };
  if (!error) return { do: 'again', code, reason, busy: true, blocked: true };
  return { do: 'stop', code, reason };
}

export const kUnreachable = { do: 'again', code: 0, reason: 'the server cannot be reached', blocked: true };
export const kSilent = { do: 'again', code: 0, reason: 'the server went silent', blocked: true };
