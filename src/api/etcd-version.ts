// Owns the version whose API we speak. Clients switch features on by it: Kubernetes asks for progress
// reports from 3.5.13 on.

export const ETCD_VERSION = {
  etcdserver: "3.7.1",
  etcdcluster: "3.7.0",
  storage: "3.7.0",
} as const;
