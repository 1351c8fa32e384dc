// Owns what tokens are to this deployment: simple ones, which only replicas can tell apart, or JSON
// Web Tokens, which are verified here.

import { tokensMisconfigured } from "../api/error.ts";
import type { Result } from "../base/result.ts";
import { RequestError } from "./response.ts";
import { parseTokenOptions, type TokenOptions, type TokenSettings } from "./token-options.ts";
import { WebTokens, type Claims } from "./web-token.ts";

export class Tokens {
  readonly #options: Result<TokenOptions, string>;
  readonly #webTokens: WebTokens | null;

  constructor(settings: TokenSettings) {
    const options = parseTokenOptions(settings);
    this.#options = options;
    const isWeb = options.ok && options.value.kind === "jwt";
    this.#webTokens = isWeb ? new WebTokens(options.value) : null;
  }

  /** What `token` says by itself; null when only replicas can tell. */
  async read(token: string): Promise<Claims | null> {
    return (await this.#webTokens?.verify(token)) ?? null;
  }

  /** @throws RequestError when tokens are configured in a way that makes none. */
  kind(): TokenOptions["kind"] {
    if (!this.#options.ok) throw new RequestError(tokensMisconfigured(this.#options.error));
    return this.#options.value.kind;
  }

  /** A web token. @throws RequestError when the keys do not serve. */
  async sign(claims: Claims): Promise<string> {
    try {
      return await this.#webTokens!.sign(claims);
    } catch {
      // The cause may hold parts of the key.
      throw new RequestError(tokensMisconfigured("the priv-key is none for this sign-method"));
    }
  }
}
