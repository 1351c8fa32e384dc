// Owns the bytes of membership: as the head of an entry that changes it, and as stored.

import { seal, unseal } from "./checksum.ts";
import { Reader, Writer } from "./codec.ts";
import type { Configuration, Member, Membership } from "./membership.ts";
import { asLogIndex, asMemberId, type Bytes, type MemberId } from "./types.ts";

type Places = Pick<Membership, "members" | "removed">;

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
export const writePlaces = (writer: Writer, places: Places): Writer =>
  writer.list(places.members, writeMember).list(places.removed, writeMember);

export const readPlaces = (reader: Reader): Places => ({
  members: reader.list(readMember),
  removed: reader.list(readMember),
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

const writeMember = (writer: Writer, { id, region, generation }: Member): Writer =>
  writer.id(id).text(region).uint(generation);
const readMember = (reader: Reader): Member => ({
  id: readId(reader),
  region: reader.text(),
  generation: reader.uint(),
});
