/** Who is told, in the midst of what is done, that there may be something new to look at. */
export class Watchers {
  readonly #changed: (() => void)[] = [];
  /** Another number when the view, or what is said of its members, may have changed. */
  viewRevision = 0;

  add(changed: () => void): { stop(): void } {
    this.#changed.push(changed);
    return { stop: () => this.#changed.splice(this.#changed.indexOf(changed), 1) };
  }

  viewChanged(): void {
    this.viewRevision++;
    this.tell();
  }

  tell(): void {
    for (const changed of this.#changed) changed();
  }
}
