// Owns how many bytes a request takes in protocol buffers, which is what gRPC's limit of a message
// counts. Only bodies that might be beyond it are measured.

import type { Compare, RangeRequest, TxnOp, TxnRequest } from "../base/kv.ts";
import type { Bytes } from "../base/types.ts";
import type { ClientRequest } from "./replica.ts";

/** All our fields have numbers below 16. */
const TAG_BYTES = 1;

/** The size; 0 for requests that hold nothing large. */
export function protoSize(request: ClientRequest): number {
  switch (request.kind) {
    case "range":
      return sizeOfRange(request.request) + flag(request.serializable);
    case "put":
    case "deleteRange":
      return sizeOfFields(request.request);
    case "txn":
      return sizeOfTxn(request.request);
    default:
      return 0;
  }
}

const SORTS: Readonly<Record<string, boolean>> = { none: true, key: true };

function sizeOfRange({ sortOrder, sortTarget, ...fields }: RangeRequest): number {
  return sizeOfFields(fields) + flag(!SORTS[sortOrder]) + flag(!SORTS[sortTarget]);
}

const sizeOfTxn = ({ compare, success, failure }: TxnRequest): number =>
  sum(compare.map((one) => nested(sizeOfCompare(one)))) +
  sum([...success, ...failure].map((op) => nested(sizeOfOp(op))));

function sizeOfOp(op: TxnOp): number {
  switch (op.kind) {
    case "range":
      return nested(sizeOfRange(op.request));
    case "put":
    case "deleteRange":
      return nested(sizeOfFields(op.request));
    case "txn":
      return nested(sizeOfTxn(op.request));
    case "empty":
      return 0;
    default:
      return op satisfies never;
  }
}

/** The operand is of a oneof: it is there even when it is zero. */
function sizeOfCompare({ key, rangeEnd, result, target, operand }: Compare): number {
  const operandSize =
    operand instanceof Uint8Array ? nested(operand.length) : TAG_BYTES + varint(operand);
  return (
    sizeOfFields({ key }) +
    // Its field number is 64, which takes two bytes.
    (rangeEnd.length === 0 ? 0 : 1 + nested(rangeEnd.length)) +
    flag(result !== "equal") +
    flag(target !== "version") +
    operandSize
  );
}

/** Scalars, of which zeros are left out. */
function sizeOfFields(fields: object): number {
  return sum(
    Object.values(fields as Record<string, Bytes | number | bigint | boolean>).map((value) => {
      if (typeof value === "boolean") return flag(value);
      if (value instanceof Uint8Array) return value.length === 0 ? 0 : nested(value.length);
      return BigInt(value) === 0n ? 0 : TAG_BYTES + varint(value);
    }),
  );
}

const flag = (isSet: boolean): number => (isSet ? TAG_BYTES + 1 : 0);
const nested = (length: number): number => TAG_BYTES + varint(length) + length;
const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);

/** Seven bits a byte; negative numbers take ten. */
function varint(value: number | bigint): number {
  const bits = BigInt.asUintN(64, BigInt(value)).toString(2).length;
  return Math.ceil(bits / 7);
}
