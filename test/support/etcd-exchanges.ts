// Owns a conversation with a running etcd 3.5.16, as it was recorded on an empty store: what was asked
// in turn, and each line that came back, without the ids and the term of headers.

/** A path, a body, the lines of the answer. */
export type Exchange = readonly [path: string, body: string, answer: readonly string[]];

export const ETCD_EXCHANGES: readonly Exchange[] = [
  ["/v3/kv/put", '{"key":"Zm9v","value":"YmFy"}', ['{"header":{"revision":"2"}}']],
  [
    "/v3/kv/put",
    '{"key":"Zm9v","value":"YmF6","prev_kv":true}',
    [
      '{"header":{"revision":"3"},"prev_kv":{"key":"Zm9v","create_revision":"2","mod_revision":"2","version":"1","value":"YmFy"}}',
    ],
  ],
  [
    "/v3/lease/grant",
    '{"TTL":60,"ID":"9007199254740993"}',
    ['{"header":{"revision":"3"},"ID":"9007199254740993","TTL":"60"}'],
  ],
  ["/v3/kv/put", '{"key":"bGVhc2Vk","lease":"9007199254740993"}', ['{"header":{"revision":"4"}}']],
  [
    "/v3/kv/range",
    '{"key":"Zm9v"}',
    [
      '{"header":{"revision":"4"},"kvs":[{"key":"Zm9v","create_revision":"2","mod_revision":"3","version":"2","value":"YmF6"}],"count":"1"}',
    ],
  ],
  [
    "/v3/kv/range",
    '{"key":"AA==","range_end":"AA==","limit":1,"sort_order":"DESCEND","sort_target":2}',
    [
      '{"header":{"revision":"4"},"kvs":[{"key":"bGVhc2Vk","create_revision":"4","mod_revision":"4","version":"1","lease":"9007199254740993"}],"more":true,"count":"2"}',
    ],
  ],
  ["/v3/kv/range", '{"key":"bm9uZQ==","count_only":true}', ['{"header":{"revision":"4"}}']],
  [
    "/v3/kv/txn",
    '{"compare":[{"key":"Zm9v","target":"MOD","result":"GREATER","mod_revision":1}],"success":[{"request_put":{"key":"YQ==","value":"MQ==","prev_kv":true}},{"request_range":{"key":"Zm9v"}},{"request_delete_range":{"key":"bm9uZQ=="}},{"request_txn":{"success":[{"request_range":{"key":"YQ=="}}]}}]}',
    [
      '{"header":{"revision":"5"},"succeeded":true,"responses":[{"response_put":{"header":{"revision":"5"}}},{"response_range":{"header":{"revision":"5"},"kvs":[{"key":"Zm9v","create_revision":"2","mod_revision":"3","version":"2","value":"YmF6"}],"count":"1"}},{"response_delete_range":{"header":{"revision":"5"}}},{"response_txn":{"header":{},"succeeded":true,"responses":[{"response_range":{"header":{"revision":"5"},"kvs":[{"key":"YQ==","create_revision":"5","mod_revision":"5","version":"1","value":"MQ=="}],"count":"1"}}]}}]}',
    ],
  ],
  [
    "/v3/kv/txn",
    '{"compare":[{"key":"Zm9v","target":"VERSION","version":9}]}',
    ['{"header":{"revision":"5"}}'],
  ],
  [
    "/v3/kv/deleterange",
    '{"key":"YQ==","prev_kv":true}',
    [
      '{"header":{"revision":"6"},"deleted":"1","prev_kvs":[{"key":"YQ==","create_revision":"5","mod_revision":"5","version":"1","value":"MQ=="}]}',
    ],
  ],
  ["/v3/kv/deleterange", '{"key":"YQ=="}', ['{"header":{"revision":"6"}}']],
  ["/v3/kv/compaction", '{"revision":"3","physical":true}', ['{"header":{"revision":"6"}}']],
  [
    "/v3/lease/timetolive",
    '{"ID":"9007199254740993","keys":true}',
    [
      '{"header":{"revision":"6"},"ID":"9007199254740993","TTL":"59","grantedTTL":"60","keys":["bGVhc2Vk"]}',
    ],
  ],
  ["/v3/lease/timetolive", '{"ID":"1"}', ['{"header":{"revision":"6"},"ID":"1","TTL":"-1"}']],
  ["/v3/lease/leases", "{}", ['{"header":{"revision":"6"},"leases":[{"ID":"9007199254740993"}]}']],
  [
    "/v3/kv/lease/leases",
    "{}",
    ['{"header":{"revision":"6"},"leases":[{"ID":"9007199254740993"}]}'],
  ],
  [
    "/v3/kv/lease/timetolive",
    '{"ID":9999}',
    ['{"header":{"revision":"6"},"ID":"9999","TTL":"-1"}'],
  ],
  [
    "/v3/lease/keepalive",
    '{"ID":"9007199254740993"}',
    ['{"result":{"header":{"revision":"6"},"ID":"9007199254740993","TTL":"60"}}'],
  ],
  ["/v3/lease/keepalive", '{"ID":"1"}', ['{"result":{"header":{"revision":"6"},"ID":"1"}}']],
  ["/v3/kv/lease/revoke", '{"ID":"9007199254740993"}', ['{"header":{"revision":"7"}}']],
  [
    "/v3/watch",
    '{"create_request":{"key":"AA==","range_end":"AA==","start_revision":"4","prev_kv":true,"filters":["NOPUT"]}}',
    [
      '{"result":{"header":{"revision":"7"},"created":true}}',
      '{"result":{"header":{"revision":"7"},"events":[{"type":"DELETE","kv":{"key":"YQ==","mod_revision":"6"},"prev_kv":{"key":"YQ==","create_revision":"5","mod_revision":"5","version":"1","value":"MQ=="}},{"type":"DELETE","kv":{"key":"bGVhc2Vk","mod_revision":"7"},"prev_kv":{"key":"bGVhc2Vk","create_revision":"4","mod_revision":"4","version":"1","lease":"9007199254740993"}}]}}',
    ],
  ],
  [
    "/v3/watch",
    '{"create_request":{"key":"Zm9v","start_revision":"2"}}',
    [
      '{"result":{"header":{"revision":"7"},"created":true}}',
      '{"result":{"header":{},"canceled":true,"compact_revision":"3"}}',
    ],
  ],
  [
    "/v3/watch",
    '{"create_request":{"key":"Zm9v","range_end":"YQ=="}}',
    [
      '{"result":{"header":{"revision":"7"},"watch_id":"-1","created":true,"canceled":true,"cancel_reason":"mvcc: watcher range is empty"}}',
    ],
  ],
  ["/v3/kv/put", "{}", ['{"code":3,"message":"etcdserver: key is not provided"}']],
  [
    "/v3/lease/revoke",
    '{"ID":"1"}',
    ['{"code":5,"message":"etcdserver: requested lease not found"}'],
  ],
  [
    "/v3/kv/range",
    '{"key":"Zm9v","revision":"1"}',
    ['{"code":11,"message":"etcdserver: mvcc: required revision has been compacted"}'],
  ],
  ["/v3/nope", "{}", ['{"code":5,"message":"Not Found"}']],
];
