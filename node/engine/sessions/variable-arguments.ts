/** What `setVariable` is asked for. */
import { invalidArgument } from '../errors.ts';
import type { VariableChange } from '../replica.ts';
import type { Message } from '../statements/statement.ts';
import { allowedTexts, definitionOf, isAllowed, VARIABLES } from '../variables.ts';

/** @throws RequestError INVALID_ARGUMENT */
export function variableChangeOf({ name, value: given }: Message): VariableChange {
  const definition = typeof name === 'string' ? definitionOf(name) : undefined;
  if (definition === undefined || definition.isTuned === true) {
    const settable = VARIABLES.filter((each) => each.isTuned !== true).map((each) => each.name);
    const why = definition === undefined ? '' : `; ${definition.name} tunes itself`;
    throw invalidArgument('name', `expected one of ${settable.join(', ')}${why}`);
  }
  const value = typeof given === 'number' ? String(given) : given;
  if (typeof value !== 'string' || !isAllowed(definition, value)) {
    throw invalidArgument(
      'value',
      `expected ${'least' in definition.allowed ? 'a whole number, ' : 'one of '}${allowedTexts(definition.allowed).join(', ')}`,
    );
  }
  return { kind: 'set-variable', name: definition.name, value };
}
