/**
 * Whether a SERIALIZABLE transaction that has only read must be ordered and judged. With read validation the serial order is
 * that of the commits, so that every snapshot is a state of it. Under the serial safety net it need not be: one that commits behind
 * the snapshot may come before one that the snapshot has (the read-only anomaly). Behind the place where the rule begins to hold nothing
 * comes before that place, so that snapshots below it are safe again.
 */
import type { Certifier } from '../../../certifier/index.ts';
import type { SequenceNumber } from '../../../gcs/base/index.ts';

export class OrderedReads {
  /** The rule holds, or held last, from `#from` to before `#upTo`. */
  #from: SequenceNumber;
  #upTo: SequenceNumber;

  /** At a start: since when the rule holds is not known, and nobody has a snapshot. */
  constructor({ rule }: Pick<Certifier, 'rule'>) {
    this.#from = rule === 'serial-safety-net' ? 0 : Number.POSITIVE_INFINITY;
    this.#upTo = 0;
  }

  ruleChanged({ rule, sequenceNumber }: Pick<Certifier, 'rule' | 'sequenceNumber'>): void {
    if (rule === 'serial-safety-net') this.#from = sequenceNumber;
    else {
      this.#from = Number.POSITIVE_INFINITY;
      this.#upTo = sequenceNumber;
    }
  }

  areOrderedAt(snapshot: SequenceNumber): boolean {
    return snapshot >= this.#from || snapshot < this.#upTo;
  }
}
