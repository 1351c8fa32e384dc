// Owns the word for a replica as the router addresses it.

import type { Place } from "../base/membership.ts";
import type { MemberId } from "../base/types.ts";

/** A replica that can be asked. Its id is unknown until something was heard of it. */
export interface Contact extends Place {
  readonly id: MemberId | null;
}

/** The name of a contact within its cluster. */
export const contactName = ({ region, generation }: Contact): string => `${region}/${generation}`;

export const isSame = (a: Contact, b: Contact): boolean => contactName(a) === contactName(b);
