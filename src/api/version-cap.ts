// Owns the body that caps the cluster's version.

import { z } from "zod";
import type { Result } from "../base/result.ts";
import { CLUSTER_VERSION_MIN } from "../base/versions.ts";
import { parseBody } from "./plain-body.ts";

/** The body's schema. */
export const versionCapBody = z
  .strictObject(
    {
      cap: z
        .int("cap is a version of the cluster, or null for none")
        .min(CLUSTER_VERSION_MIN, `versions begin with ${CLUSTER_VERSION_MIN}`)
        .nullable(),
    },
    'the body is {"cap": version}, or {"cap": null}',
  )
  .transform(({ cap }) => cap);

/** Reads `{"cap": 1}` or `{"cap": null}`. Refused with a sentence for the person who sent it. */
export const parseVersionCap = (body: string): Result<number | null, string> =>
  parseBody(versionCapBody, body);
