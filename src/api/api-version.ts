// Owns the version of etcd whose API we speak.

/** Clients switch features on by it: Kubernetes asks for progress reports from 3.5.13 on. */
export const SERVED_VERSION = {
  etcdserver: "3.7.1",
  etcdcluster: "3.7.0",
  storage: "3.7.0",
} as const;
