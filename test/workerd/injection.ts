// Owns giving effects to one replica's shell from a test, as if its core had decided them: what the
// shell makes of rare ones is looked at without the long way that leads to them.

import { vi } from "vitest";
import { asTerm } from "../../src/base/types.ts";
import { ReplicaCore } from "../../src/replica/core.ts";
import type { Effects } from "../../src/replica/effects.ts";
import { replica } from "./cluster.ts";

/** Adds `extra` to the effects of one turn of the replica of `region`; returns after that turn. */
export async function inject(
  cluster: string,
  region: string,
  extra: Partial<Effects>,
): Promise<void> {
  const { memberId, incarnation } = (await replica(cluster, region).status())!;
  // oxlint-disable-next-line typescript/unbound-method -- called with the core that it is taken from
  const original = ReplicaCore.prototype.takeEffects;
  const done = Promise.withResolvers<void>();
  const spy = vi.spyOn(ReplicaCore.prototype, "takeEffects").mockImplementation(take);
  function take(this: ReplicaCore): Effects {
    const effects = original.call(this);
    const status = this.status();
    if (status.memberId !== memberId || status.incarnation !== incarnation) return effects;
    spy.mockRestore();
    done.resolve();
    return { ...effects, ...extra };
  }
  await replica(cluster, region).urge(asTerm(0));
  await done.promise;
}
