/**
 * What a member gives up again: the beginning of its log and of its kept verdicts (H3), and, as the leader, what is kept
 * for certification below the oldest snapshot of any voter (H4): it proposes the purge floor, which rises at that place
 * of the order for everybody. As the leader it also tunes how much the certification database remembers.
 */
import { encodeGroupMessage } from '../../../certifier/index.ts';
import type { SequenceNumber } from '../../../gcs/base/index.ts';
import type { Group } from '../../../gcs/core/index.ts';
import { encodeSchemaChange } from '../catalog.ts';
import type { ImageCodec } from '../image-codec.ts';
import { CERTIFICATION_CAPACITY_TUNED, tunedValue } from '../variables.ts';
import type { MemberCounters, MemberOptions } from './contract.ts';
import type { Membership } from './membership.ts';
import type { ReplicatedState } from './replicated-state.ts';
import { CapacityTuner } from './tuning/capacity-tuner.ts';

/** A proposal that found no quorum for so long is made anew. */
const PROPOSAL_WAIT_MS = 10_000;

export interface UpkeepSetup {
  readonly group: Pick<Group, 'truncate' | 'isRestoring'> & { readonly log: Pick<Group['log'], 'firstIndex'> };
  readonly membership: Membership;
  readonly counters: Pick<MemberCounters, 'truncations' | 'capacityRaised' | 'capacityLowered'>;
  readonly options: Pick<MemberOptions, 'purgeStep' | 'truncateEveryMs' | 'capacityTuning'>;
  readonly imageCodec: ImageCodec;
  /** Into the group's order; `answered` once. */
  readonly propose: (encoded: Uint8Array, deadlineMs: number, answered: () => void) => void;
}

export class Upkeep {
  readonly #setup: UpkeepSetup;
  #isProposing = false;
  readonly #capacityTuner: CapacityTuner;
  #isTuning = false;
  #nextTruncationMs = 0;
  #firstIndex = 0;

  constructor(setup: UpkeepSetup) {
    this.#setup = setup;
    this.#capacityTuner = new CapacityTuner(setup.options.capacityTuning);
  }

  /** Now and then. */
  truncate(state: Pick<ReplicatedState, 'neededFrom' | 'truncateVerdicts' | 'keepPurgeFloor'>, nowMs: number): void {
    const { group, counters, options } = this.#setup;
    if (nowMs < this.#nextTruncationMs) return;
    this.#nextTruncationMs = nowMs + options.truncateEveryMs;
    state.keepPurgeFloor();
    const { neededFrom } = state;
    group.truncate(neededFrom);
    state.truncateVerdicts(neededFrom);
    const { firstIndex } = group.log;
    if (this.#firstIndex !== 0 && firstIndex > this.#firstIndex) counters.truncations++;
    this.#firstIndex = firstIndex;
  }

  /** Proposes what changes nothing: with the first message of a run it is known that those of the runs before are over. */
  speak(nowMs: number): void {
    this.#setup.propose(
      encodeGroupMessage({ kind: 'purge-floor', sequenceNumber: 0 }),
      nowMs + PROPOSAL_WAIT_MS,
      () => {},
    );
  }

  /** By the leader's member, while it is ONLINE. */
  raiseFloor(
    state: Pick<ReplicatedState, 'oldestNeeded'> & {
      readonly certifier: Pick<ReplicatedState['certifier'], 'purgeFloor'>;
    },
    nowMs: number,
  ): void {
    const { group, membership, options, propose } = this.#setup;
    if (this.#isProposing) return;
    const sequenceNumber = membership.oldestNeededByAll(state.oldestNeeded, (voter) => group.isRestoring(voter));
    if (sequenceNumber === null || !isWorthwhile(sequenceNumber, state.certifier.purgeFloor, options.purgeStep)) return;
    this.#isProposing = true;
    propose(encodeGroupMessage({ kind: 'purge-floor', sequenceNumber }), nowMs + PROPOSAL_WAIT_MS, () => {
      this.#isProposing = false;
    });
  }

  /** By the leader's member, while it is ONLINE, some times a second. */
  tuneCapacity(
    state: Pick<ReplicatedState, 'variables'> & {
      readonly certifier: Pick<ReplicatedState['certifier'], 'isSettled' | 'itemCount' | 'databaseBytes'>;
    },
    nowMs: number,
  ): void {
    const { counters, imageCodec, propose } = this.#setup;
    const { certifier, variables } = state;
    if (this.#isTuning || !certifier.isSettled) return;
    const { certificationCapacity: base, tunedCapacity: capacity } = variables;
    const { itemCount: size, databaseBytes: bytes } = certifier;
    const wanted = this.#capacityTuner.look(nowMs, { base, capacity, size, bytes });
    if (wanted === null) return;
    if (wanted > capacity) counters.capacityRaised++;
    else counters.capacityLowered++;
    this.#isTuning = true;
    const value = tunedValue(wanted, base);
    const change = encodeSchemaChange({ kind: 'set-variable', name: CERTIFICATION_CAPACITY_TUNED, value }, imageCodec);
    propose(encodeGroupMessage({ kind: 'schema-change', change }), nowMs + PROPOSAL_WAIT_MS, () => {
      this.#isTuning = false;
    });
  }
}

function isWorthwhile(proposed: SequenceNumber, floor: SequenceNumber, step: number): boolean {
  return proposed - floor >= step;
}
