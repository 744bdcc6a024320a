// Streams of text carry binary messages in base64; an application gets bytes over every transport.

export function decode_base64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
