// Owns how many calls of this isolate may wait at once for locks, elections and their news.

import { GATEWAY_ERRORS } from "../../api/error.ts";
import { RECIPES_WAITING_MAX } from "../../base/limits.ts";
import { RequestError } from "../response.ts";

export class WaitingRoom {
  readonly #seats: number;
  #taken = 0;

  constructor(seats = RECIPES_WAITING_MAX) {
    this.#seats = seats;
  }

  /** Takes a seat; what it returns leaves it. @throws RequestError when there is none. */
  enter(): () => void {
    if (this.#taken >= this.#seats) throw new RequestError(GATEWAY_ERRORS.overloaded);
    this.#taken++;
    let isIn = true;
    return () => {
      if (isIn) this.#taken--;
      isIn = false;
    };
  }
}
