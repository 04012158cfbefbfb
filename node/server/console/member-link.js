/** A connection to the page's own member: frames of requests, one at a time, each answered as a whole. */

/** @typedef {Readonly<Record<string, unknown>> & { readonly op: string }} Request */
/** @typedef {{ readonly ok: true, readonly result: any } | { readonly ok: false, readonly error: { readonly message: string } }} Answer */
/** @typedef {{ readonly member: { readonly memberId: string }, readonly group: { readonly name: string }, readonly serverVersion: string }} Welcome */

/** A member that says nothing for so long is not there: the page says so rather than showing what was. */
const SILENCE_MS_MAX = 4_000;

/** The member is not there, or does not answer. */
export class LinkLost extends Error {}

export class MemberLink {
  #socket;
  #lastId = 0;
  /** @type {{ readonly left: Map<number, number>, readonly answers: Answer[], readonly done: (answers: readonly Answer[]) => void } | null} */
  #asked = null;
  /** @type {(welcome: Welcome) => void} */
  #welcomed = () => {};
  /** @type {(reason: Error) => void} */
  #lose = () => {};
  #lost;

  /** Rejects if nobody welcomes. @param {string} url */
  static async open(url) {
    const link = new MemberLink(url);
    return { link, welcome: await link.#within(new Promise((resolve) => (link.#welcomed = resolve))) };
  }

  /** @param {string} url */
  constructor(url) {
    this.#socket = new WebSocket(url, 'concert.v1.json');
    this.#lost = /** @type {Promise<never>} */ (new Promise((_resolve, reject) => (this.#lose = reject)));
    // Whoever waits is told; when nobody does, the next request is.
    this.#lost.catch(() => {});
    this.#socket.onmessage = ({ data }) => this.#received(data);
    this.#socket.onclose = () => this.#lose(new LinkLost('the connection ended'));
  }

  /** The answers in the order of `requests`. Rejects, and is of no use any more, if they do not come. @param {readonly Request[]} requests @returns {Promise<readonly Answer[]>} */
  ask(requests) {
    const frame = requests.map((request) => ({ id: ++this.#lastId, ...request }));
    const left = new Map(frame.map(({ id }, place) => [id, place]));
    const answered = new Promise((/** @type {(answers: readonly Answer[]) => void} */ done) => {
      this.#asked = { left, answers: [], done };
    });
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
    return this.#within(answered);
  }

  close() {
    this.#socket.close();
  }

  /** @template T @param {Promise<T>} awaited @returns {Promise<T>} */
  async #within(awaited) {
    const timer = setTimeout(() => this.#lose(new LinkLost('no answer')), SILENCE_MS_MAX);
    try {
      return await Promise.race([awaited, this.#lost]);
    } catch (error) {
      this.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {string} data */
  #received(data) {
    for (const message of [JSON.parse(data)].flat()) {
      if (message.event === 'welcome') this.#welcomed(message);
      const place = this.#asked?.left.get(message.id);
      if (this.#asked === null || place === undefined) continue;
      const { left, answers, done } = this.#asked;
      left.delete(message.id);
      answers[place] = message;
      if (left.size === 0) done(answers);
    }
  }
}
