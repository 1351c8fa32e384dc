// Owns the lab door, through which a developer sees the store failing: faults in, status out. It
// exists in development only, for the cluster `default`.

import { Hono, type Context } from "hono";
import { GATEWAY_ERRORS } from "../../api/error.ts";
import type { LabOrder, Member, ReplicaStatus } from "../../api/replica.ts";
import type { Services } from "../request.ts";
import { jsonResponse, RequestError } from "../response.ts";
import { DEFAULT_CLUSTER } from "../router.ts";

type Place = Pick<Member, "region" | "generation">;

const ORDERS: readonly string[] = ["abort", "isolate", "heal"] satisfies LabOrder[];
const isOrder = (text: string): text is LabOrder => ORDERS.includes(text);

/** A replica that does not tell its status in time is listed as unreachable. */
const STATUS_MS = 500;
const ORDER_MS = 2_000;

/** `/_lab`. */
export function labRoutes(services: Services): Hono {
  const routes = new Hono();
  routes.get("/status", async () => jsonResponse(await gatherStatus(services)));
  routes.post("/replicas/:region/:order", (context) => giveOrder(services, context));
  return routes;
}

async function gatherStatus(services: Services): Promise<object> {
  const places = await placesOf(services);
  const heard = await Promise.all(
    places.map(async (place) => ({ place, status: await statusOf(services, place) })),
  );
  const told = heard.filter((one): one is Told => one.status !== null);
  const silent = heard.filter(({ status }) => status === null);
  return {
    leader: leadingRegion(told),
    replicas: told.map(printStatus),
    unreachable: silent.map(({ place }) => place.region),
  };
}

interface Told {
  readonly place: Place;
  readonly status: ReplicaStatus;
}

const printStatus = ({ place, status }: Told): object => {
  const { role, term, commit, applied, revision } = status;
  return { region: place.region, role, term, commit, applied, revision };
};

/** A replica that was cut off may still call itself leader, of a lower term. */
function leadingRegion(told: readonly Told[]): string | null {
  const leaders = told.filter(({ status }) => status.role === "leader");
  const [first] = leaders.toSorted((a, b) => b.status.term - a.status.term);
  return first?.place.region ?? null;
}

/** The members of the cluster; before it exists, the regions that are configured for it. */
async function placesOf(services: Services): Promise<readonly Place[]> {
  const directory = await services.router.describe(DEFAULT_CLUSTER);
  return directory?.members ?? services.regions.map((region) => ({ region, generation: 1 }));
}

async function statusOf(services: Services, place: Place): Promise<ReplicaStatus | null> {
  try {
    const status = services.network.replica(DEFAULT_CLUSTER, place).status();
    return await withinTime(services, STATUS_MS, status);
  } catch {
    return null;
  }
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

/** What `work` gives, or null when it takes longer than `ms`. */
async function withinTime<T>(services: Services, ms: number, work: Promise<T>): Promise<T | null> {
  const timer = new AbortController();
  try {
    return await Promise.race([work, services.sleep(ms, timer.signal).then(() => null)]);
  } finally {
    timer.abort();
  }
}
