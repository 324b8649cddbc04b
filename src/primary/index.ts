// The primary's room as one thing: run a cluster to its end.
export { type RunClusterDeps, runCluster } from "./run-cluster.js";
