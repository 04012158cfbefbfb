/** What happened in a world, as lines to read, and the fingerprint over everything that happened. */
import { hash32, RunningDigest } from '../../gcs/base/index.ts';

export interface StoryLine {
  readonly timeUs: number;
  readonly text: string;
}

export class Story {
  readonly #digest = new RunningDigest();
  readonly #lines: StoryLine[] = [];

  get lines(): readonly StoryLine[] {
    return this.#lines;
  }

  /** 16 hexadecimal digits: two runs with equal fingerprints went the same way. */
  get fingerprint(): string {
    return this.#digest.toString();
  }

  /** Something worth reading. */
  tell(timeUs: number, text: string): void {
    this.#lines.push({ timeUs, text });
    this.#digest.add(timeUs);
    this.#digest.add(hash32(text));
  }

  /** Something that only counts for the fingerprint. */
  mark(value: number): void {
    this.#digest.add(value);
  }

  toString(): string {
    return this.#lines.map((line) => `${(line.timeUs / 1000).toFixed(3).padStart(11)} ms  ${line.text}`).join('\n');
  }
}
