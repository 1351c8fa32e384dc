// Owns deleting a cluster over HTTP. It asks twice: without the id of the cluster it tells what would
// be lost, and changes nothing.

import type { Context } from "hono";
import {
  deletionMistaken,
  deletionUnconfirmed,
  errorFields,
  GATEWAY_ERRORS,
} from "../../api/error.ts";
import { rangeOfKey } from "../../api/kv-json.ts";
import type { ClientRequest, Directory } from "../../api/replica.ts";
import { ZERO_BYTE } from "../../base/interval.ts";
import { asClusterId } from "../../base/types.ts";
import { existing } from "../existing-cluster.ts";
import { withinTime } from "../replica-survey.ts";
import { clusterOf, toRouterRequest, type Services } from "../request.ts";
import { jsonResponse, RequestError } from "../response.ts";

/** How many keys there are is told when some replica says so soon: the cluster may be a dead one. */
const COUNT_MS = 2_000;
const COUNT_KEYS: ClientRequest = {
  kind: "range",
  request: { ...rangeOfKey(ZERO_BYTE), rangeEnd: ZERO_BYTE, countOnly: true },
  serializable: true,
};

/** The id that a query confirms with; null for what is none. */
const CONFIRM = /^\d{1,20}$/;

/** `DELETE /v1/clusters/{name}?confirm={id}`. */
export async function deleteCluster(services: Services, context: Context): Promise<Response> {
  const cluster = clusterOf(context);
  const confirm = context.req.query("confirm");
  if (confirm === undefined) return tellWhatIsLost(services, context);
  if (!CONFIRM.test(confirm)) throw new RequestError(deletionMistaken());
  const answer = await services.router.delete(cluster, asClusterId(BigInt(confirm)));
  switch (answer.kind) {
    case "unknown":
      throw new RequestError(GATEWAY_ERRORS.unknownCluster);
    case "notConfirmed":
      throw new RequestError(deletionMistaken());
    case "deleted":
      return jsonResponse({
        name: cluster,
        cluster_id: confirm,
        deleted: true,
        unreachable: answer.untold.map(({ region, generation }) => ({ region, generation })),
      });
    default:
      return answer satisfies never;
  }
}

async function tellWhatIsLost(services: Services, context: Context): Promise<Response> {
  const name = clusterOf(context);
  const directory = await existing(services, name);
  const error = deletionUnconfirmed(name, directory.clusterId);
  const keys = await countKeys(services, context);
  return jsonResponse(
    { ...errorFields(error), ...printLoss(name, directory), keys: keys ?? undefined },
    { status: error.status },
  );
}

const printLoss = (name: string, { clusterId, members }: Directory): object => ({
  name,
  cluster_id: String(clusterId),
  members: members.map(({ id, region, generation }) => ({ id: String(id), region, generation })),
});

/** Null when no replica says so in time. */
async function countKeys(services: Services, context: Context): Promise<number | null> {
  const asked = services.router.serve(toRouterRequest(context, services, COUNT_KEYS));
  const served = await withinTime(services, COUNT_MS, asked);
  if (served?.kind !== "answered" || served.answer.kind !== "range") return null;
  return served.answer.answer.count;
}
