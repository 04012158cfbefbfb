/** What `setVariable` is asked for. */
import { invalidArgument } from '../errors.ts';
import type { VariableChange } from '../replica.ts';
import type { Message } from '../statements/statement.ts';
import { definitionOf, VARIABLES } from '../variables.ts';

/** @throws RequestError INVALID_ARGUMENT */
export function variableChangeOf({ name, value }: Message): VariableChange {
  const definition = typeof name === 'string' ? definitionOf(name) : undefined;
  if (definition === undefined) {
    throw invalidArgument('name', `expected one of ${VARIABLES.map((each) => each.name).join(', ')}`);
  }
  if (typeof value !== 'string' || !definition.values.includes(value)) {
    throw invalidArgument('value', `expected one of ${definition.values.join(', ')}`);
  }
  return { kind: 'set-variable', name: definition.name, value };
}
