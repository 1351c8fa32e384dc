// Owns what a client shows of who asks: the deployment's token, and a user's, which is had for a name
// and a password, and again when it was refused as out of date.

import { GRPC, type GrpcCode } from "../api/grpc-code.ts";
import { baseOf, headersOf, type Place, type ShownTokens } from "./address.ts";
import { EdgekeeperError, unavailable } from "./error.ts";
import type { ClientPlatform } from "./platform.ts";

/** A user of the cluster. */
export interface UserPassword {
  readonly name: string;
  readonly password: string;
}

export interface TokenOptions extends Place {
  /** The deployment's. */
  readonly token?: string | undefined;
  readonly user?: UserPassword | undefined;
  readonly platform: ClientPlatform;
}

/** How long an answer to HTTP is waited for. */
const FETCH_MS_MAX = 10_000;

export class TokenSource {
  readonly #options: TokenOptions;
  /** A user's token, once it was asked for. */
  #user: Promise<string> | null = null;

  constructor(options: TokenOptions) {
    this.#options = options;
  }

  /** @throws EdgekeeperError when the user is not let in, or cannot be just now. */
  async shown(): Promise<ShownTokens> {
    const deployment = this.#deployment;
    if (this.#options.user === undefined) return deployment;
    this.#user ??= this.#authenticate(this.#options.user);
    const asked = this.#user;
    try {
      return { ...deployment, user: await asked };
    } catch (error) {
      if (this.#user === asked) this.#user = null;
      throw error;
    }
  }

  /** What was shown is out of date. */
  renew(): void {
    this.#user = null;
  }

  /** Why a session with `shown` is not opened, and will not be; null when it may be. */
  async diagnose(shown: ShownTokens): Promise<EdgekeeperError | null> {
    const { status, error } = await this.#post("/v3/cluster/member/list", {}, shown);
    // Whoever may not ask for members may have a session all the same.
    return REASONS.includes(status) ? error : null;
  }

  get #deployment(): ShownTokens {
    const { token } = this.#options;
    return token === undefined ? {} : { deployment: token };
  }

  async #authenticate(user: UserPassword): Promise<string> {
    const answer = await this.#post("/v3/auth/authenticate", user, this.#deployment);
    if (answer.error !== null) throw answer.error;
    return answer.body.token ?? "";
  }

  async #post(path: string, body: object, shown: ShownTokens): Promise<HttpAnswer> {
    const { platform } = this.#options;
    try {
      const response = await platform.fetch(baseOf(this.#options) + path, {
        method: "POST",
        headers: headersOf(shown),
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(FETCH_MS_MAX),
      });
      const { status } = response;
      const answer = (await response.json()) as HttpAnswer["body"];
      const { code = GRPC.unknown, message = `the server has answered ${status}` } = answer;
      const error = response.ok ? null : new EdgekeeperError(message, { code });
      return { status, body: answer, error };
    } catch (cause) {
      throw unavailable(`edgekeeper: ${this.#options.url} cannot be reached: ${String(cause)}`);
    }
  }
}

interface HttpAnswer {
  readonly status: number;
  readonly body: { readonly token?: string; readonly code?: GrpcCode; readonly message?: string };
  readonly error: EdgekeeperError | null;
}

/** Wrong credentials, no credential configured, no such cluster, a host that is not answered to. */
const REASONS: readonly number[] = [401, 403, 404, 421];
