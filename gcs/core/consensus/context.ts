/** What the parts of one member's consensus have in common. */
import type { MemberOrdinal } from '../../base/index.ts';
import type { ConsensusOptions, Now } from './contract.ts';
import type { Membership } from './membership.ts';
import type { Outbox } from './outbox.ts';
import type { PeerMessage } from './peer-message.ts';
import type { Peers } from './peers.ts';
import type { Promises } from './promises.ts';
import type { ReplicatedLog } from './replicated-log.ts';

export class Context {
  readonly self: MemberOrdinal;
  readonly options: ConsensusOptions;
  readonly log: ReplicatedLog;
  readonly membership: Membership;
  readonly peers: Peers;
  readonly promises: Promises;
  readonly outbox: Outbox;
  /** Of the step that is under way. */
  now: Now;

  constructor(
    parts: Pick<Context, 'self' | 'options' | 'log' | 'membership' | 'peers' | 'promises' | 'outbox' | 'now'>,
  ) {
    this.self = parts.self;
    this.options = parts.options;
    this.log = parts.log;
    this.membership = parts.membership;
    this.peers = parts.peers;
    this.promises = parts.promises;
    this.outbox = parts.outbox;
    this.now = parts.now;
  }

  send(to: MemberOrdinal, message: PeerMessage): void {
    this.outbox.push({ to, message });
  }
}
