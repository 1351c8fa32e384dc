// Owns the steps that sequences of authentication are made of.

import { b, call, type Step } from "../sequence.ts";

export const api = (path: string, body: object | string = {}): Step => call(`/auth/${path}`, body);
export const userAdd = (name: string, password: string): Step =>
  api("user/add", { name, password });
export const roleAdd = (name: string): Step => api("role/add", { name });
export const giveRole = (user: string, role: string): Step => api("user/grant", { user, role });
export const allow = (name: string, permType: string, key: string, range_end?: string): Step =>
  api("role/grant", { name, perm: { permType, key: b(key), range_end } });
/** The token is kept under the name `as`. */
export const logIn = (name: string, password: string, as: string): Step =>
  call("/auth/authenticate", { name, password }, { keep: { [as]: "token" } });

/** The step, by whoever the token kept as `who` belongs to. */
export const by = (who: string, step: Step): Step =>
  step.kind === "call" || step.kind === "stream"
    ? { ...step, headers: { ...step.headers, Authorization: `$${who}` } }
    : step;
export const each = (who: string, ...steps: Step[]): Step[] => steps.map((step) => by(who, step));

/** Turns it on; root's token is kept as `root`. */
export const ROOT: readonly Step[] = [
  userAdd("root", "r"),
  giveRole("root", "root"),
  api("enable"),
  logIn("root", "r", "root"),
];
export const OFF = by("root", api("disable"));
