// Owns a second conversation with a running etcd 3.5.16, recorded as the one in `etcd-exchanges.ts`:
// about locks, elections, maintenance and users. What is of a moment (hashes, sizes, a token) is in it.

import type { Exchange } from "./etcd-exchanges.ts";

export const ETCD_SERVICE_EXCHANGES: readonly Exchange[] = [
  [
    "/v3/lease/grant",
    '{"ID":"77","TTL":600}',
    ['{"header":{"revision":"1"},"ID":"77","TTL":"600"}'],
  ],
  [
    "/v3/lock/lock",
    '{"name":"bg==","lease":"77"}',
    ['{"header":{"revision":"2"},"key":"bi80ZA=="}'],
  ],
  ["/v3/lock/unlock", '{"key":"bi80ZA=="}', ['{"header":{"revision":"3"}}']],
  ["/v3/election/leader", '{"name":"ZQ=="}', ['{"code":2,"message":"election: no leader"}']],
  [
    "/v3/election/campaign",
    '{"name":"ZQ==","lease":77,"value":"MQ=="}',
    [
      '{"header":{"revision":"4"},"leader":{"name":"ZQ==","key":"ZS80ZA==","rev":"4","lease":"77"}}',
    ],
  ],
  [
    "/v3/election/leader",
    '{"name":"ZQ=="}',
    [
      '{"header":{"revision":"4"},"kv":{"key":"ZS80ZA==","create_revision":"4","mod_revision":"4","version":"1","value":"MQ==","lease":"77"}}',
    ],
  ],
  [
    "/v3/election/observe",
    '{"name":"ZQ=="}',
    [
      '{"result":{"header":{"revision":"4"},"kv":{"key":"ZS80ZA==","create_revision":"4","mod_revision":"4","version":"1","value":"MQ==","lease":"77"}}}',
    ],
  ],
  [
    "/v3/election/proclaim",
    '{"value":"MQ=="}',
    ['{"code":2,"message":"\\"leader\\" field must be provided"}'],
  ],
  [
    "/v3/election/proclaim",
    '{"leader":{"name":"ZQ==","key":"ZS80ZA==","rev":"4","lease":"77"},"value":"Mg=="}',
    ['{"header":{"revision":"5"}}'],
  ],
  [
    "/v3/election/resign",
    '{"leader":{"name":"ZQ==","key":"ZS80ZA==","rev":"4","lease":"77"}}',
    ['{"header":{"revision":"6"}}'],
  ],
  ["/v3/maintenance/alarm", "{}", ['{"header":{"revision":"6"}}']],
  [
    "/v3/maintenance/alarm",
    '{"action":"ACTIVATE","memberID":"1","alarm":"NOSPACE"}',
    ['{"header":{"revision":"6"},"alarms":[{"memberID":"1","alarm":"NOSPACE"}]}'],
  ],
  [
    "/v3/maintenance/status",
    "{}",
    [
      '{"header":{"revision":"6"},"version":"3.5.16","dbSize":"24576","leader":"2443223534309961547","raftIndex":"12","raftTerm":"2","raftAppliedIndex":"12","errors":["memberID:1 alarm:NOSPACE "],"dbSizeInUse":"16384"}',
    ],
  ],
  [
    "/v3/maintenance/alarm",
    '{"action":"DEACTIVATE","memberID":"1","alarm":"NOSPACE"}',
    ['{"header":{"revision":"6"},"alarms":[{"memberID":"1","alarm":"NOSPACE"}]}'],
  ],
  ["/v3/maintenance/defragment", "{}", ["{}"]],
  ["/v3/maintenance/hash", "{}", ['{"header":{"revision":"6"},"hash":4250455390}']],
  [
    "/v3/maintenance/hashkv",
    "{}",
    ['{"header":{"revision":"6"},"hash":2136446614,"compact_revision":"-1"}'],
  ],
  [
    "/v3/maintenance/downgrade",
    '{"action":"VALIDATE","version":"3.4"}',
    ['{"header":{"revision":"6"},"version":"3.5.0"}'],
  ],
  [
    "/v3/maintenance/downgrade",
    '{"action":"VALIDATE","version":"x"}',
    ['{"code":3,"message":"etcdserver: wrong downgrade target version format"}'],
  ],
  [
    "/v3/maintenance/downgrade",
    '{"action":"CANCEL"}',
    ['{"code":9,"message":"etcdserver: no inflight downgrade job"}'],
  ],
  ["/v3/auth/status", "{}", ['{"header":{"revision":"6"},"authRevision":"1"}']],
  ["/v3/auth/role/add", '{"name":"r"}', ['{"header":{"revision":"6"}}']],
  [
    "/v3/auth/role/grant",
    '{"name":"r","perm":{"permType":"READWRITE","key":"YQ==","range_end":"Yg=="}}',
    ['{"header":{"revision":"6"}}'],
  ],
  ["/v3/auth/role/grant", '{"name":"r","perm":{"key":"ZA=="}}', ['{"header":{"revision":"6"}}']],
  [
    "/v3/auth/role/grant",
    '{"name":"r"}',
    ['{"code":3,"message":"etcdserver: permission not given"}'],
  ],
  [
    "/v3/auth/role/get",
    '{"role":"r"}',
    [
      '{"header":{"revision":"6"},"perm":[{"permType":"READWRITE","key":"YQ==","range_end":"Yg=="},{"key":"ZA=="}]}',
    ],
  ],
  ["/v3/auth/role/list", "{}", ['{"header":{"revision":"6"},"roles":["r"]}']],
  ["/v3/auth/role/revoke", '{"role":"r","key":"ZA=="}', ['{"header":{"revision":"6"}}']],
  [
    "/v3/auth/user/add",
    '{"name":"u","options":{"no_password":true}}',
    ['{"header":{"revision":"6"}}'],
  ],
  ["/v3/auth/user/add", '{"name":"root","password":"p"}', ['{"header":{"revision":"6"}}']],
  ["/v3/auth/user/changepw", '{"name":"u","password":"q"}', ['{"header":{"revision":"6"}}']],
  ["/v3/auth/user/grant", '{"user":"u","role":"r"}', ['{"header":{"revision":"6"}}']],
  ["/v3/auth/user/get", '{"name":"u"}', ['{"header":{"revision":"6"},"roles":["r"]}']],
  ["/v3/auth/user/list", "{}", ['{"header":{"revision":"6"},"users":["root","u"]}']],
  ["/v3/auth/user/revoke", '{"name":"u","role":"r"}', ['{"header":{"revision":"6"}}']],
  ["/v3/auth/user/delete", '{"name":"u"}', ['{"header":{"revision":"6"}}']],
  ["/v3/auth/role/delete", '{"role":"r"}', ['{"header":{"revision":"6"}}']],
  ["/v3/auth/role/add", '{"name":"root"}', ['{"header":{"revision":"6"}}']],
  ["/v3/auth/user/grant", '{"user":"root","role":"root"}', ['{"header":{"revision":"6"}}']],
  ["/v3/auth/enable", "{}", ['{"header":{"revision":"6"}}']],
  ["/v3/auth/status", "{}", ['{"code":3,"message":"etcdserver: user name is empty"}']],
  [
    "/v3/auth/authenticate",
    '{"name":"root","password":"p"}',
    ['{"header":{"revision":"6"},"token":"DJKtXzuYPOKxPhyY.34"}'],
  ],
  ["/v3/auth/disable", "{}", ['{"header":{"revision":"6"}}']],
];
