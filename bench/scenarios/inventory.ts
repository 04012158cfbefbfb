/** Orders, returns and corrections of the same products at all members at once. */
import { awaitAgreement, readAgreed } from '../agreement.ts';
import type { MemberConnection } from '../member-connection.ts';
import { choice, decimalNumber, option, wholeNumber } from '../option-kinds.ts';
import type { Scenario } from '../scenario.ts';
import { eachRow, putRows } from '../table-rows.ts';
import type { methods } from './inventory-methods.ts';
import {
  type CorrectionRow,
  correctionsTable,
  type OrderRow,
  ordersTable,
  type ProductRow,
  productsTable,
  schema,
} from './inventory-tables.ts';
import { InventoryTotals, judgeInventory } from './inventory-verification.ts';
import { type InventoryFacts, InventoryWorkload } from './inventory-workload.ts';

const options = {
  products: option(wholeNumber(1, 1_000_000), 1_000, 'products'),
  skew: option(decimalNumber(0, 10), 0.8, 'exponent of the distribution of products (Zipf), 0 for uniform'),
  stock: option(wholeNumber(0, 1_000_000), 100, 'of each product, before the load'),
  method: option(
    choice<keyof typeof methods>('interactive', 'transact'),
    'interactive' as const as keyof typeof methods,
    'begin, read, write, commit; or read, then one transact that expects what was read',
  ),
};

export const inventory: Scenario<typeof options> = {
  name: 'inventory',
  summary: 'orders, returns and corrections of the same products, values depending on reads',
  options,
  tables: schema.map(({ table }) => table),
  async setUp(group, { options: { products, stock } }) {
    const member = group.members[0]!;
    for (const table of schema) {
      await member.requestUntilDone('dropTable', { table: table.table, ifExists: true });
      await member.requestUntilDone('createTable', table);
    }
    const rowAt = (id: number): ProductRow => ({ id, stock });
    await putRows(member, { table: productsTable, count: products, rowAt }, group.progress);
    await awaitAgreement(group);
  },
  workload: ({ options, seed, slots }) => new InventoryWorkload({ ...options, seed, slots }),
  async verify(group, { options: { products, stock } }, facts) {
    const members = await readAgreed(group, async (member) => ({ totals: await totalsOf(member, products) }));
    return judgeInventory(stock, facts as readonly InventoryFacts[], members);
  },
};

async function totalsOf(member: MemberConnection, products: number): Promise<InventoryTotals> {
  const totals = new InventoryTotals(products);
  await eachRow<ProductRow>(member, { table: productsTable }, (row) => totals.addProduct(row));
  await eachRow<OrderRow>(member, { table: ordersTable }, (row) => totals.addOrder(row));
  await eachRow<CorrectionRow>(member, { table: correctionsTable }, (row) => totals.addCorrection(row));
  return totals;
}
