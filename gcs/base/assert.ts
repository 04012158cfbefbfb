/** A rule of the program itself is broken: the process must not go on. Only `main` catches it, logs and exits. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

/** Checks a rule that holds unless the program is wrong. On in production. */
export function assert(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new InvariantViolation(rule);
}

/** For the end of an exhaustive `switch`: the compiler proves that it is never reached. */
export function unreachable(value: never): never {
  throw new InvariantViolation(`unreachable: ${JSON.stringify(value)}`);
}
