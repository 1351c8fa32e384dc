// Owns the lab door, through which a developer sees the store failing and sleeping: faults in, status
// and cost out. It exists in development only, for the cluster `default`.

import { Hono, type Context } from "hono";
import { GATEWAY_ERRORS } from "../../api/error.ts";
import type { LabOrder, Place, ReplicaCost, ReplicaRpc, ReplicaStatus } from "../../api/replica.ts";
import { placesIn } from "../../base/membership.ts";
import { askReplicas, leadingRegion, withinTime, type Told } from "../replica-survey.ts";
import type { Services } from "../request.ts";
import { jsonResponse, RequestError } from "../response.ts";
import { DEFAULT_CLUSTER } from "../router.ts";

const ORDERS: readonly string[] = ["abort", "isolate", "heal"] satisfies LabOrder[];
const isOrder = (text: string): text is LabOrder => ORDERS.includes(text);

/** A replica that does not tell its status in time is listed as unreachable: here all are near. */
const STATUS_MS = 500;
const ORDER_MS = 2_000;

/** `/_lab`. */
export function labRoutes(services: Services): Hono {
  const routes = new Hono();
  routes.get("/status", async () => jsonResponse(await gatherStatus(services)));
  routes.get("/cost", async () => jsonResponse(await gatherCost(services)));
  routes.post("/replicas/:region/:order", (context) => giveOrder(services, context));
  return routes;
}

async function gatherStatus(services: Services): Promise<object> {
  const { told, unreachable } = await askAll(services, (replica) => replica.status());
  return { leader: leadingRegion(told), replicas: told.map(printStatus), unreachable };
}

/** To ask wakes a replica that is out of memory: then it has a new incarnation, and counts anew. */
async function gatherCost(services: Services): Promise<object> {
  const { told, unreachable } = await askAll(services, async (replica) => {
    const [status, cost] = await Promise.all([replica.status(), replica.cost()]);
    return status === null ? null : { ...status, ...cost };
  });
  return { replicas: told.map(printCost), unreachable };
}

const printStatus = ({ place, told }: Told): object => {
  const { role, term, commit, applied, revision } = told;
  return { region: place.region, role, term, commit, applied, revision };
};

const printCost = ({ place, told }: Told<ReplicaStatus & ReplicaCost>): object => ({
  region: place.region,
  generation: place.generation,
  incarnation: told.incarnation,
  asleep: told.isAsleep,
  rows_written: told.rowsWritten,
  peer_calls: told.peerCalls,
});

/** The members of the cluster; before it exists, the regions that are configured for it. */
async function placesOf(services: Services): Promise<readonly Place[]> {
  const directory = await services.router.describe(DEFAULT_CLUSTER);
  if (directory !== null) return placesIn(directory);
  return services.regions.map((region) => ({ region, generation: 1, jurisdiction: null }));
}

/** Asks every replica of the cluster; those that do not tell are listed by region. */
async function askAll<T extends object>(
  services: Services,
  question: (replica: ReplicaRpc) => Promise<T | null>,
): Promise<{ readonly told: readonly Told<T>[]; readonly unreachable: readonly string[] }> {
  const order = {
    cluster: DEFAULT_CLUSTER,
    places: await placesOf(services),
    patienceMs: STATUS_MS,
  };
  const { told, unreachable } = await askReplicas(services, order, question);
  return { told, unreachable: unreachable.map(({ region }) => region) };
}

async function giveOrder(services: Services, context: Context): Promise<Response> {
  if (context.req.header("X-Edgekeeper-Lab") !== "1") {
    throw new RequestError(GATEWAY_ERRORS.labHeader);
  }
  const region = context.req.param("region");
  const order = context.req.param("order") ?? "";
  const place = (await placesOf(services)).find((one) => one.region === region);
  if (place === undefined || !isOrder(order)) throw new RequestError(GATEWAY_ERRORS.notFound);
  try {
    const obeyed = services.network.replica(DEFAULT_CLUSTER, place).lab(order);
    await withinTime(services, ORDER_MS, obeyed);
  } catch (error) {
    // An object that is reset takes the call that asked for it along.
    if (order !== "abort") throw error;
  }
  return jsonResponse({ region: place.region, order });
}
