/** Groups of processes, what breaks them, and what finds out whether they bore it. See README.md. */
export * from './disk/compile-power-cut.ts';
export * from './disk/faulty-disk.ts';
export * from './disk/small-disk.ts';
export * from './group/client.ts';
export * from './group/concert-process.ts';
export * from './group/free-ports.ts';
export * from './group/is-possible.ts';
export * from './group/local-group.ts';
export * from './group/local-member.ts';
export * from './group/scope.ts';
export * from './load/verification.ts';
export * from './load/workload.ts';
export * from './network/flow.ts';
export * from './network/group-network.ts';
export * from './network/network.ts';
export * from './network/shapes.ts';
export * from './wait-until.ts';
