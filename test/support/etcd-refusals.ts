// Owns what etcd 3.5.16 refused when it was asked these things in turn, on an empty store. Regions stand
// where it was given URLs of members; the unknown sort order is refused from 3.6 on.

/** A path below `/v3`, a body, and what comes of it: `200`, or status, code and message. */
export type Refused = readonly [path: string, body: string, answer: string];

/** What stands in bodies for the id of some member, and for what is too large to be applied. */
export const MEMBER = "$MEMBER";
export const TOO_LARGE = "$TOO_LARGE";
export const TOO_MANY = "$TOO_MANY";

export const ETCD_REFUSALS: readonly Refused[] = [
  ["kv/put", "{}", "400 3 etcdserver: key is not provided"],
  ["kv/put", '{"key":"bm9uZQ==","ignore_value":true}', "400 3 etcdserver: key not found"],
  ["kv/put", '{"key":"bm9uZQ==","ignore_lease":true}', "400 3 etcdserver: key not found"],
  ["kv/txn", '{"success":[{}]}', "400 3 etcdserver: key not found"],
  [
    "kv/put",
    '{"key":"YQ==","value":"MQ==","ignore_value":true}',
    "400 3 etcdserver: value is provided",
  ],
  [
    "kv/put",
    '{"key":"YQ==","lease":"5","ignore_lease":true}',
    "400 3 etcdserver: lease is provided",
  ],
  ["kv/put", '{"key":"YQ==","lease":"5"}', "404 5 etcdserver: requested lease not found"],
  ["kv/txn", '{"success":[$TOO_MANY]}', "400 3 etcdserver: too many operations in txn request"],
  [
    "kv/txn",
    '{"success":[{"request_put":{"key":"YQ=="}},{"request_put":{"key":"YQ=="}}]}',
    "400 3 etcdserver: duplicate key given in txn request",
  ],
  ["kv/range", '{"key":"YQ==","sort_order":7}', "400 3 etcdserver: invalid sort option"],
  ["kv/put", '{"key":"YQ==","value":"$TOO_LARGE"}', "400 3 etcdserver: request is too large"],
  ["kv/put", '{"key":"YQ=="}', "200"],
  ["kv/put", '{"key":"YQ=="}', "200"],
  ["kv/compaction", '{"revision":3}', "200"],
  [
    "kv/compaction",
    '{"revision":3}',
    "400 11 etcdserver: mvcc: required revision has been compacted",
  ],
  [
    "kv/compaction",
    '{"revision":99}',
    "400 11 etcdserver: mvcc: required revision is a future revision",
  ],
  [
    "kv/range",
    '{"key":"YQ==","revision":2}',
    "400 11 etcdserver: mvcc: required revision has been compacted",
  ],
  [
    "kv/range",
    '{"key":"YQ==","revision":99}',
    "400 11 etcdserver: mvcc: required revision is a future revision",
  ],
  [
    "kv/txn",
    '{"success":[{"request_range":{"key":"YQ==","revision":99}}]}',
    "400 11 etcdserver: mvcc: required revision is a future revision",
  ],
  ["lease/grant", '{"ID":77,"TTL":60}', "200"],
  ["lease/grant", '{"ID":77,"TTL":60}', "400 9 etcdserver: lease already exists"],
  ["lease/grant", '{"TTL":9000000001}', "400 11 etcdserver: too large lease TTL"],
  ["lease/revoke", '{"ID":5}', "404 5 etcdserver: requested lease not found"],
  ["lock/lock", '{"name":"bg==","lease":5}', "500 2 etcdserver: requested lease not found"],
  ["lock/unlock", "{}", "500 2 etcdserver: key is not provided"],
  ["election/leader", '{"name":"ZQ=="}', "500 2 election: no leader"],
  ["election/proclaim", "{}", '500 2 "leader" field must be provided'],
  [
    "election/proclaim",
    '{"leader":{"name":"ZQ==","key":"ZS81","rev":1,"lease":77}}',
    "500 2 election: not leader",
  ],
  [
    "cluster/member/add",
    '{"peerURLs":["nowhere at all"]}',
    "400 3 etcdserver: given member URLs are invalid",
  ],
  ["cluster/member/add", '{"peerURLs":["wnam"]}', "400 9 etcdserver: Peer URLs already exists"],
  ["cluster/member/remove", '{"ID":5}', "404 5 etcdserver: member not found"],
  ["cluster/member/promote", '{"ID":5}', "404 5 etcdserver: member not found"],
  [
    "cluster/member/promote",
    '{"ID":"$MEMBER"}',
    "400 9 etcdserver: can only promote a learner member",
  ],
  ["cluster/member/update", '{"ID":5,"peerURLs":["weur"]}', "404 5 etcdserver: member not found"],
  ["maintenance/transfer-leadership", '{"targetID":5}', "400 9 etcdserver: bad leader transferee"],
  [
    "maintenance/downgrade",
    '{"action":"VALIDATE","version":"x"}',
    "400 3 etcdserver: wrong downgrade target version format",
  ],
  [
    "maintenance/downgrade",
    '{"action":"VALIDATE","version":"9.9"}',
    "400 3 etcdserver: invalid downgrade target version",
  ],
  ["maintenance/downgrade", '{"action":"CANCEL"}', "400 9 etcdserver: no inflight downgrade job"],
  ["maintenance/downgrade", '{"action":7}', "500 2 etcdserver: unknown method"],
  [
    "maintenance/hashkv",
    '{"revision":99}',
    "400 11 etcdserver: mvcc: required revision is a future revision",
  ],
  [
    "maintenance/hashkv",
    '{"revision":1}',
    "400 11 etcdserver: mvcc: required revision has been compacted",
  ],
  ["auth/enable", "{}", "400 9 etcdserver: root user does not exist"],
  [
    "auth/authenticate",
    '{"name":"a","password":"b"}',
    "400 9 etcdserver: authentication is not enabled",
  ],
  ["auth/user/add", "{}", "400 3 etcdserver: user name is empty"],
  ["auth/role/add", "{}", "400 3 etcdserver: role name is empty"],
  ["auth/role/grant", '{"name":"x"}', "400 3 etcdserver: permission not given"],
  ["maintenance/alarm", '{"action":"ACTIVATE","memberID":1,"alarm":"NOSPACE"}', "200"],
  ["kv/put", '{"key":"YQ=="}', "429 8 etcdserver: mvcc: database space exceeded"],
  ["lease/grant", '{"TTL":60}', "429 8 etcdserver: mvcc: database space exceeded"],
  ["maintenance/alarm", '{"action":"ACTIVATE","memberID":1,"alarm":"CORRUPT"}', "200"],
  ["kv/put", '{"key":"YQ=="}', "500 15 etcdserver: corrupt cluster"],
  ["maintenance/alarm", '{"action":"DEACTIVATE","memberID":1,"alarm":"CORRUPT"}', "200"],
  ["maintenance/alarm", '{"action":"DEACTIVATE","memberID":1,"alarm":"NOSPACE"}', "200"],
];
