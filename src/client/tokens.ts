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

  /** Why no session is opened, and none will be; null when one may be. Users have no part in that. */
  async diagnose(): Promise<EdgekeeperError | null> {
    try {
      await this.#post("/v3/cluster/member/list", {});
    } catch (error) {
      if (error instanceof EdgekeeperError && LASTING.includes(error.code)) return error;
    }
    return null;
  }

  get #deployment(): ShownTokens {
    return { deployment: this.#options.token };
  }

  async #authenticate(user: UserPassword): Promise<string> {
    return (await this.#post("/v3/auth/authenticate", user)).token ?? "";
  }

  /** @throws EdgekeeperError */
  async #post(path: string, body: object): Promise<HttpAnswer> {
    const { platform, url } = this.#options;
    const [response, answer] = await platform
      .fetch(baseOf(this.#options) + path, {
        method: "POST",
        headers: headersOf(this.#deployment),
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(FETCH_MS_MAX),
      })
      .then(async (each) => [each, (await each.json()) as HttpAnswer] as const)
      .catch((cause: unknown) => {
        throw unavailable(`edgekeeper: ${url} cannot be reached: ${String(cause)}`);
      });
    const { code = GRPC.unknown, message = `the server answers ${response.status}` } = answer;
    if (!response.ok) throw new EdgekeeperError(message, { code });
    return answer;
  }
}

interface HttpAnswer {
  readonly token?: string;
  readonly code?: GrpcCode;
  readonly message?: string;
}

/** No such cluster, no credential configured or not this host, wrong credentials. */
const LASTING: readonly GrpcCode[] = [GRPC.notFound, GRPC.permissionDenied, GRPC.unauthenticated];
