// Owns `edgekeeper grpc`: the bridge, as a person meets it in the terminal.

import { startBridge, type Bridge, type BridgeOptions } from "../bridge/bridge.ts";
import { OptionError } from "./dev-options.ts";
import { GRPC_USAGE, parseGrpcOptions } from "./grpc-options.ts";

/** Returns once it serves; it goes on until Ctrl-C. False: only help was wanted. */
export async function runGrpc(args: readonly string[]): Promise<boolean> {
  const options = parseGrpcOptions(args, process.env);
  if (options === null) {
    process.stdout.write(GRPC_USAGE);
    return false;
  }
  const bridge = await openBridge(options, "--listen");
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void bridge.stop().then(() => process.exit(0)));
  }
  console.log(`Edgekeeper speaks gRPC at ${addressOf(bridge)}, for ${options.endpoint.href}`);
  return true;
}

/**
 * Starts a bridge.
 *
 * @throws OptionError when the port cannot be had; `option` is what would choose another one.
 */
export async function openBridge(options: BridgeOptions, option: string): Promise<Bridge> {
  try {
    return await startBridge(options);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === "EADDRINUSE"
        ? "is in use by another program"
        : `cannot be opened (${code ?? message})`;
    throw new OptionError(`Port ${options.port} ${why}. Choose another with ${option}.`, {
      cause: error,
    });
  }
}

export const addressOf = ({ host, port }: Bridge): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
