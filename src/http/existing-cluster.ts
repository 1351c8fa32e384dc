// Owns looking whether a cluster is there without asking itself, which would create `default`.

import { GATEWAY_ERRORS } from "../api/error.ts";
import type { Directory } from "../api/replica.ts";
import { RequestError } from "./response.ts";
import type { Router } from "./router.ts";

/** The members as Genesis was last told. @throws RequestError when there is no such cluster. */
export async function existing(
  services: { readonly router: Pick<Router, "describe"> },
  name: string,
): Promise<Directory> {
  const directory = await services.router.describe(name);
  if (directory === null) throw new RequestError(GATEWAY_ERRORS.unknownCluster);
  return directory;
}
