// Owns `edgekeeper del`.

import type { ConnectionOptions } from "./connection-options.ts";
import type { Call } from "./declare.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { keyJson, showKeys } from "./key-view.ts";
import { selectionOf, withStore } from "./store.ts";
import { say } from "./terminal.ts";

export interface DeleteOptions extends ConnectionOptions {
  readonly prefix?: true;
  readonly previous?: true;
  readonly json?: true;
}

export const runDelete = (call: Call<DeleteOptions>): Promise<ExitCode> =>
  withStore(call, async (store) => {
    const { terminal, args, options } = call;
    const selection = selectionOf(args, options);
    const { revision, deleted, previous } = await store.delete(selection, {
      previous: options.previous,
    });
    if (options.json === true) {
      const before = options.previous === true ? previous.map((kv) => keyJson(kv)) : undefined;
      say(terminal, JSON.stringify({ revision, deleted, previous: before }));
    } else {
      say(terminal, `${deleted} deleted`);
      if (previous.length > 0) showKeys(terminal, previous);
    }
    return deleted === 0 ? EXIT.notFound : EXIT.ok;
  });
