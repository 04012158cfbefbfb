/** Definitions as a schema change would leave them, over those that are in force. */
import type { TableDefinition } from '../table-definition.ts';

/** The newest definitions: those of the change's place in the order. */
export interface SchemaView {
  newest(name: string): TableDefinition | null;
}

export class SchemaDraft {
  readonly #view: SchemaView;
  readonly #changed = new Map<string, TableDefinition | null>();
  /** Table ids whose writers would do something wrong with what they know. */
  readonly concerned = new Set<number>();

  constructor(view: SchemaView) {
    this.#view = view;
  }

  get(name: string): TableDefinition | null {
    const changed = this.#changed.get(name);
    return changed === undefined ? this.#view.newest(name) : changed;
  }

  /** Null: there is no such table afterwards. */
  set(name: string, definition: TableDefinition | null): void {
    this.#changed.set(name, definition);
  }

  /** Changes a table that is there. */
  change(name: string, changes: Partial<TableDefinition>): void {
    this.#changed.set(name, { ...this.get(name)!, ...changes });
  }

  /** In the order in which they were first changed. */
  get tables(): readonly { readonly name: string; readonly definition: TableDefinition | null }[] {
    return [...this.#changed].map(([name, definition]) => ({ name, definition }));
  }
}
