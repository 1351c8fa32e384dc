// Goal: majorities, joint ones included. Method: tables, and a naive second implementation that
// tries every set of voters.

import * as fc from "fast-check";
import { describe, it } from "vitest";

import type { MemberId } from "../../src/base/types.ts";
import { otherMembers, otherVoters, quorumValue, voteResult } from "../../src/raft/quorum.ts";
import type { Configuration } from "../../src/raft/types.ts";
import { member } from "./bench.ts";

const configurationOf = (voters: number[], outgoing: number[] = []): Configuration => ({
  voters: voters.map(member),
  outgoing: outgoing.map(member),
  learners: [],
});

/** Whether `set` holds more than half of `voters`, and of `outgoing` where there are any. */
function isQuorum({ voters, outgoing }: Configuration, set: ReadonlySet<MemberId>): boolean {
  return [voters, outgoing].every(
    (list) => list.length === 0 || 2 * list.filter((voter) => set.has(voter)).length > list.length,
  );
}

const configurations = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 }),
    fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 5 }),
  )
  .map(([voters, outgoing]) => configurationOf(voters, outgoing));

describe("quorum arithmetic", () => {
  const values = [
    { voters: [5], expected: 5 },
    { voters: [5, 7], expected: 5 },
    { voters: [1, 5, 7], expected: 5 },
    { voters: [1, 5, 7, 9], expected: 5 },
    { voters: [9, 7, 4, 4, 1], expected: 4 },
    { voters: [1, 5, 7], outgoing: [2, 2, 9], expected: 2 },
    { voters: [1, 1, 7], outgoing: [8, 8, 9], expected: 1 },
  ];

  for (const { voters, outgoing = [], expected } of values) {
    it(`thesis §4.3: of ${voters.join()} and ${outgoing.join()} a quorum has ${expected}`, ({
      expect,
    }) => {
      const all = [...voters, ...outgoing];
      const ids = all.map((_, position) => position + 1);
      const configuration = configurationOf(ids.slice(0, voters.length), ids.slice(voters.length));
      expect(quorumValue(configuration, (id) => all[Number(id) - 1]!)).toBe(expected);
    });
  }

  it("a quorum's value is the highest that some quorum has reached", ({ expect }) => {
    fc.assert(
      fc.property(
        configurations,
        fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 10, maxLength: 10 }),
        (configuration, held) => {
          const valueOf = (id: MemberId): number => held[Number(id)]!;
          const everyone = [...configuration.voters, ...configuration.outgoing];
          const reached = [0, 1, 2, 3, 4, 5, 6].filter((value) =>
            isQuorum(configuration, new Set(everyone.filter((id) => valueOf(id) >= value))),
          );
          expect(quorumValue(configuration, valueOf)).toBe(Math.max(...reached));
        },
      ),
    );
  });

  it("an election is won by a quorum, lost when none is left, else pending", ({ expect }) => {
    const answers = fc.array(fc.constantFrom(true, false, null), { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(configurations, answers, (configuration, answered) => {
        const votes = new Map<MemberId, boolean>();
        for (const [id, answer] of answered.entries()) {
          if (answer !== null) votes.set(member(id), answer);
        }
        const everyone = [...configuration.voters, ...configuration.outgoing];
        const granted = new Set(everyone.filter((id) => votes.get(id) === true));
        const possible = new Set(everyone.filter((id) => votes.get(id) !== false));
        const open = isQuorum(configuration, possible) ? "pending" : "lost";
        const expected = isQuorum(configuration, granted) ? "won" : open;
        expect(voteResult(configuration, votes)).toBe(expected);
      }),
    );
  });

  it("two quorums of one configuration share a member", ({ expect }) => {
    fc.assert(
      fc.property(configurations, fc.integer({ min: 0, max: 511 }), (configuration, mask) => {
        const half = (keep: boolean) =>
          new Map(
            [...configuration.voters, ...configuration.outgoing].map((id) => [
              id,
              ((mask >> (Number(id) - 1)) & 1) === (keep ? 1 : 0),
            ]),
          );
        const won = [half(true), half(false)].filter(
          (votes) => voteResult(configuration, votes) === "won",
        );
        expect(won.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("others are named once, whatever lists they are on", ({ expect }) => {
    const joint = { ...configurationOf([1, 2, 3], [2, 3, 4]), learners: [4, 5].map(member) };
    expect(otherVoters(joint, member(1))).toEqual([2, 3, 4].map(member));
    expect(otherMembers(joint, member(2))).toEqual([1, 3, 4, 5].map(member));
  });
});
