/**
 * Who is on duty: of each team of four somebody always has to be. A transaction looks at its team, and at some people of other
 * teams, and changes one row: who goes sees that somebody stays. At SERIALIZABLE nobody is ever missing; with snapshots two go at
 * once (write skew). What was read of other teams decides nothing, and is written by others all the time.
 */
import { awaitAgreement, disagreementOf, readAgreed } from '../agreement.ts';
import { choice, option, wholeNumber } from '../option-kinds.ts';
import type { Attempt, Scenario, Verification, Workload } from '../scenario.ts';
import { eachRow, putRows } from '../table-rows.ts';
import { SlotChances } from './slot-chances.ts';

const table = 'bench.duty';
const teamSize = 4;
const people = [...Array(teamSize).keys()];

/** As the variable `certification_rule` has them. */
export const certificationRules = ['read-validation', 'serial-safety-net'] as const;

type CertificationRule = (typeof certificationRules)[number];

const options = {
  teams: option(wholeNumber(1, 1_000_000), 50, 'teams of four; few are hot'),
  others: option(wholeNumber(0, 100), 4, 'people of other teams that a transaction reads, too'),
  rule: option(
    choice<CertificationRule>(...certificationRules),
    certificationRules[0] as CertificationRule,
    'certification_rule of the group',
  ),
};

interface DutyRow {
  readonly id: number;
  readonly isOn: boolean;
  /** How often it was changed. */
  readonly changes: number;
}

interface DutyTransaction {
  readonly kind: 'change';
  readonly tx: string;
  readonly id: number;
  readonly others: readonly number[];
}

/** By person: changes. */
interface DutyFacts {
  readonly acknowledged: readonly number[];
  readonly unknown: readonly number[];
}

export const duty: Scenario<typeof options> = {
  name: 'duty',
  summary: 'SERIALIZABLE transactions that read some hot rows and write others',
  options,
  tables: [table],
  async setUp(group, { options: { teams, rule } }) {
    const member = group.members[0]!;
    await member.requestUntilDone('setVariable', { name: 'certification_rule', value: rule });
    await member.requestUntilDone('dropTable', { table, ifExists: true });
    await member.requestUntilDone('createTable', { table, primaryKey: ['id'] });
    const rowAt = (id: number): DutyRow => ({ id, isOn: true, changes: 0 });
    await putRows(member, { table, count: teams * teamSize, rowAt }, group.progress);
    await awaitAgreement(group);
  },
  workload: ({ options, seed }) => new DutyWorkload(options, seed),
  async verify(group, { options: { teams } }, facts) {
    const members = await readAgreed(group, async (member) => {
      const rows: DutyRow[] = [];
      await eachRow<DutyRow>(member, { table }, (row) => rows.push(row));
      return { rows };
    });
    const problems = members.flatMap(({ memberId, rows }) =>
      problemsOf(rows, teams, facts as readonly DutyFacts[]).map((problem) => `${memberId}: ${problem}`),
    );
    const disagreement = disagreementOf(members);
    if (disagreement !== null) problems.push(disagreement);
    return { verified: problems.length === 0, problems } satisfies Verification;
  },
};

class DutyWorkload implements Workload<DutyTransaction> {
  readonly #count: number;
  readonly #others: number;
  readonly #chances: SlotChances;
  readonly #acknowledged: number[];
  readonly #unknown: number[];

  constructor({ teams, others }: { readonly teams: number; readonly others: number }, seed: number) {
    this.#count = teams * teamSize;
    this.#others = others;
    this.#chances = new SlotChances(seed);
    this.#acknowledged = new Array<number>(this.#count).fill(0);
    this.#unknown = new Array<number>(this.#count).fill(0);
  }

  draw(slot: number): DutyTransaction {
    const { random } = this.#chances.of(slot);
    const id = random.below(this.#count);
    const others = Array.from({ length: this.#others }, () => random.below(this.#count));
    return { kind: 'change', tx: `slot ${slot}`, id, others };
  }

  *attempt({ tx, id, others }: DutyTransaction): Attempt {
    const team = people.map((person) => id - (id % teamSize) + person);
    const [, found] = (yield [
      { op: 'begin', tx, isolation: 'SERIALIZABLE' },
      { op: 'getMany', tx, table, keys: team },
      ...(others.length === 0 ? [] : [{ op: 'getMany', tx, table, keys: others }]),
    ]) as readonly [unknown, readonly DutyRow[]];
    const own = found[id % teamSize]!;
    if (own.isOn && found.filter(({ isOn }) => isOn).length === 1) {
      yield [{ op: 'rollback', tx }];
      return 'declined';
    }
    const row: DutyRow = { id, isOn: !own.isOn, changes: own.changes + 1 };
    yield [
      { op: 'put', tx, table, row },
      { op: 'commit', tx },
    ];
    this.#acknowledged[id]!++;
    return 'committed';
  }

  outcomeUnknown({ id }: DutyTransaction): void {
    this.#unknown[id]!++;
  }

  facts(): DutyFacts {
    return { acknowledged: this.#acknowledged, unknown: this.#unknown };
  }
}

/** `facts`: of all load generators. */
export function problemsOf(rows: readonly DutyRow[], teams: number, facts: readonly DutyFacts[]): readonly string[] {
  if (rows.length !== teams * teamSize) return [`${rows.length} rows, not ${teams * teamSize}`];
  const problems: string[] = [];
  for (let team = 0; team < teams; team++) {
    const isAnyOn = people.some((person) => rows[team * teamSize + person]!.isOn);
    if (!isAnyOn) problems.push(`nobody of team ${team} is on duty`);
  }
  for (const { id, changes } of rows) {
    const least = facts.reduce((sum, { acknowledged }) => sum + acknowledged[id]!, 0);
    const most = facts.reduce((sum, { unknown }) => sum + unknown[id]!, least);
    if (changes < least || changes > most) problems.push(`person ${id} was changed ${changes} times, not ${least}`);
  }
  return problems.slice(0, 10);
}
