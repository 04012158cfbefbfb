/** All bugs that the simulator has to find, by the part of the program that they are in. */
import { ALTERATION_BUGS } from './bugs/alterations.ts';
import { CERTIFICATION_BUGS } from './bugs/certification.ts';
import { CONSTRAINT_BUGS } from './bugs/constraints.ts';
import { IDEMPOTENCY_BUGS } from './bugs/idempotency.ts';
import { INCREMENT_BUGS } from './bugs/increments.ts';
import { LOCK_BUGS } from './bugs/locks.ts';
import { LOG_BUGS } from './bugs/log.ts';
import { MEMBERSHIP_BUGS } from './bugs/membership.ts';
import { MESSAGE_BUGS } from './bugs/messages.ts';
import { ORDER_BUGS } from './bugs/order.ts';
import { PAST_BUGS } from './bugs/past.ts';
import { SERIAL_BUGS } from './bugs/serial.ts';
import { SESSION_BUGS } from './bugs/sessions.ts';
import { STREAM_BUGS } from './bugs/streams.ts';
import { TRANSFER_BUGS } from './bugs/transfer.ts';
import { VERSION_BUGS } from './bugs/versions.ts';
import type { SoughtBug } from './planted-bug.ts';

export const PLANTED_BUGS: readonly SoughtBug[] = [
  ...ORDER_BUGS,
  ...LOG_BUGS,
  ...MEMBERSHIP_BUGS,
  ...MESSAGE_BUGS,
  ...TRANSFER_BUGS,
  ...CERTIFICATION_BUGS,
  ...VERSION_BUGS,
  ...PAST_BUGS,
  ...SESSION_BUGS,
  ...SERIAL_BUGS,
  ...LOCK_BUGS,
  ...CONSTRAINT_BUGS,
  ...INCREMENT_BUGS,
  ...ALTERATION_BUGS,
  ...STREAM_BUGS,
  ...IDEMPOTENCY_BUGS,
];
