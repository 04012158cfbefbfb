/** While a world runs, nobody may ask the real one for time or chance: the global functions for it throw. */

const FORBIDDEN: readonly { readonly holder: object; readonly name: string }[] = [
  { holder: Date, name: 'now' },
  { holder: Math, name: 'random' },
  { holder: performance, name: 'now' },
  { holder: crypto, name: 'randomUUID' },
  { holder: crypto, name: 'getRandomValues' },
  { holder: process, name: 'hrtime' },
  { holder: globalThis, name: 'setTimeout' },
  { holder: globalThis, name: 'setInterval' },
  { holder: globalThis, name: 'setImmediate' },
  { holder: globalThis, name: 'queueMicrotask' },
];

/** Runs `work` to its end, without those functions. */
export function withoutImpureGlobals<T>(work: () => T): T {
  const restore = FORBIDDEN.map(({ holder, name }) => {
    const before = Object.getOwnPropertyDescriptor(holder, name);
    const stub = (): never => {
      throw new Error(`${name} is not there in a simulated world: use the environment`);
    };
    Object.defineProperty(holder, name, { value: stub, configurable: true, writable: true });
    return () => {
      if (before === undefined) Reflect.deleteProperty(holder, name);
      else Object.defineProperty(holder, name, before);
    };
  });
  const RealDate = globalThis.Date;
  globalThis.Date = new Proxy(RealDate, {
    construct(target, given, newTarget) {
      if (given.length === 0) throw new Error('new Date() is not there in a simulated world: use the environment');
      return Reflect.construct(target, given, newTarget);
    },
  });
  try {
    return work();
  } finally {
    globalThis.Date = RealDate;
    for (const put of restore) put();
  }
}
