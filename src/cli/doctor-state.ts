// Owns the doctor's questions about what the cluster holds: room, alarms, users.

import type { Finding, Patient } from "./doctor.ts";
import { showBytes } from "./progress.ts";

/** Beyond it, there is time to act, and it should be used. */
const FULL_SHARE = 0.8;

export async function storageFindings({ deployment }: Patient): Promise<Finding[]> {
  const check = "storage";
  const status = (await deployment.json(deployment.inCluster("/v3/maintenance/status"), {
    json: {},
  })) as { dbSizeInUse?: string; dbSizeQuota?: string; errors?: readonly string[] };
  const used = Number(status.dbSizeInUse ?? 0);
  const quota = Number(status.dbSizeQuota ?? 0);
  const message = `${showBytes(used)} in use of ${showBytes(quota)}`;
  const room: Finding =
    quota > 0 && used > quota * FULL_SHARE
      ? {
          check,
          level: "warn",
          message,
          advice: "Delete and compact, or raise the quota: docs/operations.md, Room.",
        }
      : { check, level: "ok", message };
  const alarms = (status.errors ?? []).map((error): Finding => {
    const advice = "docs/operations.md tells how alarms are lowered, and what to do before.";
    return { check: "alarms", level: "fail", message: error, advice };
  });
  return [room, ...alarms];
}

export async function userFindings({ deployment, isDevelopment }: Patient): Promise<Finding[]> {
  const check = "users";
  const { user, token } = deployment.connection;
  const status = (await deployment.json(deployment.inCluster("/v3/auth/status"), {
    json: {},
  })) as { enabled?: boolean };
  if (status.enabled === true) {
    return [{ check, level: "ok", message: `in force; asked as ${user?.name ?? "nobody"}` }];
  }
  const message = isDevelopment
    ? "not in force: whoever reaches this port may everything (development)"
    : `not in force: whoever has the deployment's token may everything`;
  if (isDevelopment || token !== null) return [{ check, level: "ok", message }];
  return [
    {
      check,
      level: "warn",
      message,
      advice: "Turn users on: docs/operations.md, Users and roles.",
    },
  ];
}
