// The registry alone: the library's entry also loads what measures a Node process, which a Worker is
// not, and its types are for the entry.

declare module "prom-client/lib/registry.js" {
  interface Metric {
    readonly name: string;
    readonly help: string;
    readonly type: string;
    readonly get: () => Promise<object>;
  }
  export default class Registry {
    readonly contentType: string;
    registerMetric(metric: Metric): void;
    metrics(): Promise<string>;
  }
}
