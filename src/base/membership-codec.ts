// Owns the bytes of membership: as the head of an entry that changes it, and as stored.

import { seal, unseal } from "./checksum.ts";
import { Reader, Writer } from "./codec.ts";
import type { Configuration, Member, Membership } from "./membership.ts";
import { asLogIndex, asMemberId, type Bytes, type MemberId } from "./types.ts";

export function writeConfiguration(writer: Writer, configuration: Configuration): Writer {
  const { voters, outgoing, learners } = configuration;
  return writer.list(voters, writeId).list(outgoing, writeId).list(learners, writeId);
}

export const readConfiguration = (reader: Reader): Configuration => ({
  voters: reader.list(readId),
  outgoing: reader.list(readId),
  learners: reader.list(readId),
});

/** Where members live, and who was removed: what an entry says behind its configuration. */
export function writePlaces(
  writer: Writer,
  { members, removed }: Pick<Membership, "members" | "removed">,
): Writer {
  const writeMember = (item: Writer, { id, region, generation }: Member): Writer =>
    item.id(id).text(region).uint(generation);
  return writer.list(members, writeMember).list(removed, writeId);
}

export const readPlaces = (reader: Reader): Pick<Membership, "members" | "removed"> => ({
  members: reader.list((item) => ({
    id: readId(item),
    region: item.text(),
    generation: item.uint(),
  })),
  removed: reader.list(readId),
});

/** A membership as a row keeps it, with a checksum. */
export function encodeMembership(membership: Membership): Bytes {
  const writer = writeConfiguration(new Writer(), membership.configuration);
  return seal(writePlaces(writer, membership).uint(membership.index).finish());
}

/** @throws CodecError when the row is damaged: the replica does not start. */
export function decodeMembership(bytes: Bytes): Membership {
  const reader = new Reader(unseal(bytes));
  const configuration = readConfiguration(reader);
  const places = readPlaces(reader);
  const index = asLogIndex(reader.uint());
  reader.end();
  return { configuration, ...places, index };
}

const writeId = (writer: Writer, id: MemberId): Writer => writer.id(id);
const readId = (reader: Reader): MemberId => asMemberId(reader.id());
