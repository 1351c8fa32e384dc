// Owns what is typed about leases, and about what is made of them; and about mirrors.

import { during, run, until, type Invocation } from "../invocation.ts";

export const LEASES: readonly Invocation[] = [
  run("lease grant 100"),
  run("put leased 1 --lease={lease}"),
  run("put leased --ignore-value --lease={lease}"),
  run("put leased 2 --ignore-lease"),
  run("get leased -w json"),
  run("lease timetolive {lease}"),
  run("lease timetolive {lease} --keys"),
  run("lease timetolive {lease} --keys -w json"),
  run("lease timetolive {lease} --keys -w fields"),
  run("lease keep-alive --once {lease}"),
  run("lease keep-alive --once {lease} -w json"),
  until(1, "lease keep-alive {lease}"),
  run("lease list"),
  run("lease list -w json"),
  run("lease revoke {lease}"),
  run("lease revoke {lease}"),
  run("lease timetolive {lease}"),
  run("lease keep-alive --once {lease}"),
  run("lease keep-alive {lease}"),
  run("lease list"),
  run("get leased"),
  run("lease grant 10000000000"),
  run("lease grant x"),
  run("lease grant 100 -w json"),
  run("lease grant 100 -w fields"),
];

export const LOCKS: readonly Invocation[] = [
  run("lock mutex echo held"),
  run("lock mutex --ttl=5 echo held"),
  run("lock mutex false"),
  run("lock"),
  during(1, "lock mutex", [
    run("get mutex/ --prefix --keys-only"),
    run("get mutex/ --prefix --count-only -w fields"),
  ]),
  run("get mutex/ --prefix --keys-only"),
  run("elect"),
  run("elect room"),
  during(2, "elect room me", [
    until(2, "elect --listen room"),
    until(2, "elect -l room"),
    run("get room/ --prefix --print-value-only"),
  ]),
  until(9, "elect room someone -w fields"),
  run("get room/ --prefix --keys-only"),
];

/** A mirror of the server on itself, under other names: how many there are is fixed, so are revisions. */
export const MIRRORS: readonly Invocation[] = [
  run("put from/1 one"),
  run("put from/2 two"),
  during(0, "make-mirror {endpoint} --prefix=from/ --dest-prefix=to/", [
    until(6, "watch to/ --prefix --rev=7"),
    run("put from/3 three"),
    run("del from/1"),
    until(11, "watch to/ --prefix --rev=7"),
    run("get to/ --prefix"),
  ]),
  during(0, "make-mirror {endpoint} --prefix=from/ --no-dest-prefix", [
    until(3, "watch 3 --rev=7"),
    run("get 2 4"),
  ]),
  run("make-mirror"),
];
