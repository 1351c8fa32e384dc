// Owns the address under which a client has reached the bridge, as it says itself.

/** Clients of etcd 3.5 name all their endpoints where others name the host: `#initially=[a;b]`. */
const INITIALLY = /^#initially=\[([^;\]]*)/;

/**
 * The URL by which the client reaches us again, from the `:authority` of its call; null when that is no
 * address.
 */
export function dialledUrl(authority: string, scheme: "http" | "https"): string | null {
  const first = INITIALLY.exec(authority)?.[1] ?? authority;
  const host = first.replace(/^[a-z]+:\/\//, "").replace(/\/.*$/, "");
  return /^(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?$/.test(host) ? `${scheme}://${host}` : null;
}
