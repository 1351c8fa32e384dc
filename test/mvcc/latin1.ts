// Owns bytes as strings of which each character is one byte: they print, compare and index well.

/** The bytes as characters U+0000 to U+00FF. */
export const decodeLatin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
