import { cpuSecondsOf, rssMiBOf } from './process-usage.ts';

/** What the members, or the servers of a peer, use while it is measured. */
export class UsageWatch {
  /** Null: they are not processes of ours. */
  readonly #processIds: readonly number[] | null;
  #cpuAtBegin: readonly (number | null)[] = [];
  #memberCpuSeconds: readonly number[] | null = null;
  #memberRssMiB: readonly number[] | null = null;

  constructor(processIds: readonly number[] | null) {
    this.#processIds = processIds;
  }

  begin(): void {
    this.#cpuAtBegin = this.#processIds?.map(cpuSecondsOf) ?? [];
  }

  end(): void {
    if (this.#processIds === null) return;
    const cpu = this.#processIds.map((pid, at) => {
      const before = this.#cpuAtBegin[at];
      const now = cpuSecondsOf(pid);
      return before == null || now === null ? null : now - before;
    });
    this.#memberCpuSeconds = allKnown(cpu);
    this.#memberRssMiB = allKnown(this.#processIds.map(rssMiBOf));
  }

  used() {
    return { memberCpuSeconds: this.#memberCpuSeconds, memberRssMiB: this.#memberRssMiB };
  }
}

function allKnown(values: readonly (number | null)[]): readonly number[] | null {
  return values.every((value) => value !== null) ? values : null;
}
