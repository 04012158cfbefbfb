export { LaneError, type LmdbLane } from './lmdb-lane.ts';
export * from './open-lanes.ts';
