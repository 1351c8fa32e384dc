// Owns a file under the name that it has until it is whole.

import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { CommandError, EXIT } from "./exit-codes.ts";

/** Opens it; whoever has written all of it renames it to `file`. @throws CommandError */
export async function openPartial(
  file: string,
): Promise<{ readonly partial: string; readonly stream: WriteStream }> {
  const partial = `${file}.partial`;
  const stream = createWriteStream(partial);
  try {
    await once(stream, "open");
  } catch (error) {
    throw cannotWrite(file, error);
  }
  return { partial, stream };
}

export const cannotWrite = (file: string, error: unknown): CommandError => {
  const { code, message } = error as NodeJS.ErrnoException;
  return new CommandError(EXIT.failed, `${file} cannot be written (${code ?? message}).`, {
    cause: error,
  });
};
