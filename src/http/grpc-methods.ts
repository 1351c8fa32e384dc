// Owns under which method of etcd's services each request is counted.

import type { ClientRequest } from "../api/replica.ts";

/** The labels that etcd's gRPC metrics carry. A type, for it must be assignable to labels. */
type MethodLabels = {
  readonly grpc_type: "unary" | "server_stream" | "bidi_stream";
  readonly grpc_service: string;
  readonly grpc_method: string;
};

const unary = (service: string, method: string): MethodLabels => ({
  grpc_type: "unary",
  grpc_service: service,
  grpc_method: method,
});
const kv = (method: string): MethodLabels => unary("etcdserverpb.KV", method);
const lease = (method: string): MethodLabels => unary("etcdserverpb.Lease", method);
const cluster = (method: string): MethodLabels => unary("etcdserverpb.Cluster", method);
const maintenance = (method: string): MethodLabels => unary("etcdserverpb.Maintenance", method);
const own = (method: string): MethodLabels => unary("edgekeeper.Cluster", method);

/** By kind of request; those that etcd does not have belong to a service of our own. */
export const METHODS: Readonly<Record<ClientRequest["kind"], MethodLabels>> = {
  range: kv("Range"),
  put: kv("Put"),
  deleteRange: kv("DeleteRange"),
  txn: kv("Txn"),
  compact: kv("Compact"),
  leaseGrant: lease("LeaseGrant"),
  leaseRevoke: lease("LeaseRevoke"),
  leaseKeepAlive: { ...lease("LeaseKeepAlive"), grpc_type: "bidi_stream" },
  leaseTimeToLive: lease("LeaseTimeToLive"),
  leaseLeases: lease("LeaseLeases"),
  memberList: cluster("MemberList"),
  memberAdd: cluster("MemberAdd"),
  memberRemove: cluster("MemberRemove"),
  memberUpdate: cluster("MemberUpdate"),
  memberPromote: cluster("MemberPromote"),
  /** All of the service's methods: which it was, is not counted. */
  auth: unary("etcdserverpb.Auth", "Auth"),
  memberChange: own("MemberChange"),
  capVersion: own("CapVersion"),
  moveLeader: maintenance("MoveLeader"),
  status: maintenance("Status"),
  alarm: maintenance("Alarm"),
  hash: maintenance("Hash"),
  hashKv: maintenance("HashKV"),
  defragment: maintenance("Defragment"),
  snapshot: { ...maintenance("Snapshot"), grpc_type: "server_stream" },
  downgrade: maintenance("Downgrade"),
  limits: own("Limits"),
  setLimits: own("SetLimits"),
};

/** A session stands for a stream of watches. */
export const WATCH_METHOD: MethodLabels = {
  grpc_type: "bidi_stream",
  grpc_service: "etcdserverpb.Watch",
  grpc_method: "Watch",
};
