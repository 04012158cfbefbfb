/** Counts what happens to transfers between members. */
import type { LogIndex } from '../../gcs/base/index.ts';
import type { Counts, SimulatedHost } from '../world/index.ts';

interface Transfer {
  readonly kind: 'state' | 'repair';
  readonly donor: SimulatedHost | null;
}

export class TransferWatch {
  readonly #coverage: Counts;
  /** By receiver. */
  readonly #underWay = new Map<SimulatedHost, Transfer>();
  readonly #firstIndexes = new Map<SimulatedHost, LogIndex>();

  constructor(coverage: Counts) {
    this.#coverage = coverage;
  }

  changed(receiver: SimulatedHost, now: Transfer & { readonly phase: 'began' | 'done' | 'failed' }): void {
    const { phase, kind, donor } = now;
    if (phase === 'began') {
      this.#underWay.set(receiver, { kind, donor });
      if (kind === 'state') this.#coverage.add('a state transfer begins');
      return;
    }
    this.#underWay.delete(receiver);
    if (phase === 'failed') this.#coverage.add('a transfer fails and begins anew');
    else this.#coverage.add(kind === 'state' ? 'a state transfer is done' : 'a hole is repaired from a peer');
  }

  crashed(host: SimulatedHost): void {
    const own = this.#underWay.get(host);
    if (own?.kind === 'state') this.#coverage.add('the receiver of a state crashes');
    this.#underWay.delete(host);
    for (const { kind, donor } of this.#underWay.values()) {
      if (donor === host && kind === 'state') this.#coverage.add('the donor of a state crashes');
    }
  }

  logBegins(host: SimulatedHost, firstIndex: LogIndex): void {
    const before = this.#firstIndexes.get(host);
    if (before === firstIndex) return;
    this.#firstIndexes.set(host, firstIndex);
    if (before === undefined || firstIndex < before) return;
    if ([...this.#underWay.values()].some(({ kind }) => kind === 'state')) {
      this.#coverage.add('a state transfer during a truncation');
    }
  }
}
