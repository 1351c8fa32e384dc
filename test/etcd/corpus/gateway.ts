// Owns sequences about the gateway itself: verbs, paths, headers, and sockets to calls that stream nothing.

import { b, put, say, send, socket, stream, topic } from "../sequence.ts";

const A = `{"key":"${b("a")}"}`;

export const gateway = topic("gateway", {
  "GET of a call": [
    send("GET", "/v3/kv/range"),
    send("GET", "/v3/watch"),
    send("GET", "/v3/lease/keepalive"),
  ],
  "PUT of a call": [send("PUT", "/v3/kv/put", A), send("PUT", "/v3/watch", "{}")],
  "DELETE and PATCH of a call": [
    send("DELETE", "/v3/kv/deleterange"),
    send("PATCH", "/v3/kv/put", A),
  ],
  "HEAD of a call": [send("HEAD", "/v3/kv/range")],
  "OPTIONS of a call": [send("OPTIONS", "/v3/kv/range"), send("OPTIONS", "/v3/nowhere")],
  "an unknown path": [
    send("POST", "/v3/kv/nowhere", "{}"),
    send("POST", "/v3/nowhere", "{}"),
    send("GET", "/v3"),
  ],
  "a path outside": [send("POST", "/nowhere", "{}"), send("GET", "/nowhere")],
  "a slash at the end": [send("POST", "/v3/kv/range/", A)],
  "a doubled slash": [send("POST", "/v3//kv/range", A)],
  "a path in capitals": [send("POST", "/v3/KV/range", A)],
  "a path with a query": [put("a", "1"), send("POST", "/v3/kv/range?limit=1", A)],
  "v3beta is v3": [send("POST", "/v3beta/kv/put", A), send("POST", "/v3beta/kv/range", A)],
  "v3alpha and v2 are gone": [send("POST", "/v3alpha/kv/range", A), send("GET", "/v2/keys")],
  "a content type that is wrong": [
    send("POST", "/v3/kv/range", A, { "Content-Type": "application/x-www-form-urlencoded" }),
    send("POST", "/v3/kv/range", A, { "Content-Type": "text/plain" }),
    send("POST", "/v3/kv/range", A, { "Content-Type": "application/grpc" }),
  ],
  "an answer that is wanted otherwise": [send("POST", "/v3/kv/range", A, { Accept: "text/html" })],
  "several documents for a call": [
    put("a", "1"),
    send("POST", "/v3/kv/range", `${A}{"key":"${b("b")}"}`),
    send("POST", "/v3/kv/range", `${A} garbage`),
  ],
  "a leader is required": [
    send("POST", "/v3/kv/range", A, { "Grpc-Metadata-hasleader": "true" }),
    send("POST", "/v3/kv/put", A, { "Grpc-Metadata-hasleader": "true" }),
  ],
  "credentials that nobody asked for": [
    send("POST", "/v3/kv/range", A, { Authorization: "abc.1" }),
    send("POST", "/v3/kv/range", A, { Authorization: "Bearer abc.1" }),
  ],
  "a stream of nothing": [stream("w", "/watch", ""), put("a", "1")],
  "a stream of an empty document": [stream("w", "/watch", "{}"), put("a", "1")],
  "a stream that is malformed": [stream("w", "/watch", "{bad"), put("a", "1")],
  "a stream that becomes malformed": [
    stream("w", "/watch", [`{"create_request":${A}}`, "{bad"]),
    put("a", "1"),
  ],
  "a stream that lacks something inside": [
    stream("w", "/watch", '{"create_request":{"key":"***"}}'),
    put("a", "1"),
  ],
  "a keepalive of nothing": [stream("k", "/lease/keepalive", "")],
  "a keepalive that is malformed": [stream("k", "/lease/keepalive", "{bad")],
  "a keepalive that becomes malformed": [stream("k", "/lease/keepalive", ['{"ID":1}', "{bad"])],
  version: [send("GET", "/version"), send("POST", "/version"), send("HEAD", "/version")],
  health: [
    send("GET", "/health"),
    send("POST", "/health"),
    send("GET", "/health?serializable=true"),
    send("GET", "/health?exclude=NOSPACE"),
    send("GET", "/health?exclude=OTHER"),
  ],
  "the root": [send("GET", "/")],
});

export const gatewayDeadlines = topic("gateway-deadlines", {
  "a deadline that is over": [
    send("POST", "/v3/kv/range", A, { "Grpc-Timeout": "1n" }),
    send("POST", "/v3/kv/put", A, { "Grpc-Timeout": "1n" }),
  ],
  "a deadline that is far": [send("POST", "/v3/kv/range", A, { "Grpc-Timeout": "100S" })],
  "deadlines in all units": ["1H", "1M", "5S", "5000m", "5000000u", "50000000n"].map((timeout) =>
    send("POST", "/v3/kv/range", A, { "Grpc-Timeout": timeout }),
  ),
  "a deadline that is none": [
    send("POST", "/v3/kv/range", A, { "Grpc-Timeout": "soon" }),
    send("POST", "/v3/kv/range", A, { "Grpc-Timeout": "1" }),
    send("POST", "/v3/kv/range", A, { "Grpc-Timeout": "S" }),
    send("POST", "/v3/kv/range", A, { "Grpc-Timeout": "-1S" }),
    send("POST", "/v3/kv/range", A, { "Grpc-Timeout": "1.5S" }),
    send("POST", "/v3/kv/range", A, { "Grpc-Timeout": "0S" }),
  ],
});

/** Sockets to calls that stream nothing, and frames that are no whole documents. */
export const gatewaySockets = topic("gateway-sockets", {
  "a unary call over a socket": [socket("s", "/kv/put"), say("s", { key: b("a"), value: b("1") })],
  "a unary call over a socket, answered": [
    put("a", "1"),
    socket("s", "/kv/range"),
    say("s", { key: b("a") }),
  ],
  "two unary calls over one socket": [
    put("a", "1"),
    socket("s", "/kv/range"),
    say("s", { key: b("a") }),
    say("s", { key: b("b") }),
  ],
  "a unary call over a socket, refused": [socket("s", "/kv/range"), say("s", {})],
  "a unary call over a socket, malformed": [socket("s", "/kv/range"), say("s", "{bad")],
  "an unknown path over a socket": [socket("s", "/nowhere"), say("s", {})],
  "a socket with a subprotocol": [
    socket("s", "/kv/range", "Bearer", "abc"),
    say("s", { key: b("a") }),
  ],
  "a document over two frames": [
    socket("s", "/watch"),
    say("s", '{"create_request":'),
    say("s", `${A}}`),
    put("a", "1"),
  ],
});

export const probes = topic("probes", {
  liveness: [
    send("GET", "/livez"),
    send("GET", "/livez?verbose"),
    send("GET", "/livez/serializable_read"),
    send("POST", "/livez"),
  ],
  readiness: [
    send("GET", "/readyz"),
    send("GET", "/readyz?verbose"),
    send("GET", "/readyz/data_corruption"),
    send("GET", "/readyz/nowhere"),
    send("GET", "/readyz?exclude=linearizable_read"),
    send("GET", "/readyz?verbose&exclude=non_learner"),
  ],
});
