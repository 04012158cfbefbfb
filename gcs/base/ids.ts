/** A UUID: one data directory and its stay in the group. Survives restarts; a lost disk makes a new one. */
export type MemberId = string;

/** Place of a member in the group's list of members, from 0. Never reused within a group; what the log and the wire carry. */
export type MemberOrdinal = number;

/** A UUID, drawn when the group is created. */
export type GroupId = string;

/** Reign of one leader, from 1; 0 before the first election. */
export type Term = number;

/** Slot of the group's log, from 1; 0 is before the first. */
export type LogIndex = number;

/** One run of a member's process, from 1; durable before it is used. */
export type Incarnation = number;

/** Number of a broadcast within its incarnation, dense, from 1. */
export type MessageNumber = number;

/** Dense number of a positively certified transaction, from 1; 0 is the empty database. */
export type SequenceNumber = number;

/** Agreed name of a membership: `<when the group was formed, ms>:<counter>`. */
export type ViewId = string;
