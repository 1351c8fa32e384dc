// Owns an operator who changes the cluster while it serves: members come as learners, are promoted,
// replaced by joint changes and removed, and leadership is moved.

import type { ClientRequest } from "../../../src/api/replica.ts";
import type { MemberId } from "../../../src/base/types.ts";
import type { Chance } from "../chance.ts";
import type { Cluster } from "../cluster.ts";
import type { World } from "../world.ts";
import type { Router } from "./router.ts";

export interface OperatorOptions {
  readonly router: Router;
  readonly world: World;
  readonly cluster: Cluster;
  readonly everyMs: number;
}

/** Replicas that it has made at most, in all. */
const ADDITIONS_MAX = 6;

export class Operator {
  readonly #options: OperatorOptions;
  readonly #chance: Chance;
  #additions = 0;
  #isStopped = false;
  isIdle = true;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#chance = options.world.streams.stream("operator");
  }

  start(): void {
    const { world, everyMs } = this.#options;
    world.schedule.after(this.#chance.around(everyMs), () => {
      if (!this.#isStopped) this.#act();
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  #act(): void {
    const request = this.#draw();
    if (request === null) return this.start();
    const { router, world } = this.#options;
    this.isIdle = false;
    router.ask(request, (result) => {
      world.trace.note(`${request.kind} ${result.kind}`, router.client);
      world.trace.tell(() => `${request.kind}: ${JSON.stringify(result, sayBigint)}`);
      if (result.kind === "answered") world.mark(request.kind);
      this.isIdle = true;
      this.start();
    });
  }

  #draw(): ClientRequest | null {
    const { voters, learners } = this.#options.cluster.membership.configuration;
    const voter = this.#chance.pick(voters);
    const [learner] = learners;
    switch (this.#chance.between(0, 5)) {
      case 0:
        return { kind: "moveLeader", target: voter };
      case 1:
        return voters.length > 1 ? { kind: "memberRemove", id: voter } : null;
      case 2:
        return learner === undefined ? null : this.#replace(learner, voter);
      default:
        return learner === undefined ? this.#add() : { kind: "memberPromote", id: learner };
    }
  }

  #replace(learner: MemberId, voter: MemberId): ClientRequest {
    return { kind: "memberChange", change: { promote: [learner], remove: [voter] } };
  }

  #add(): ClientRequest | null {
    if (this.#additions >= ADDITIONS_MAX) return null;
    const member = this.#options.cluster.join();
    if (member === null) return null;
    this.#additions++;
    return { kind: "memberAdd", region: member.region, isLearner: true, member };
  }
}

const sayBigint = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;
