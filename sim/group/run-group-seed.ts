/**
 * One seed of the group layer alone. Every member broadcasts while faults strike; then everything heals, every member
 * broadcasts once more, and within a bound all have to have delivered the same, those last messages included.
 */
import { type SeededRandom, utf8Encode } from '../../gcs/base/index.ts';
import { drawGroupOptions } from '../draw-options.ts';
import { describeFaultPlan, drawFaultPlan, FaultInjector, STORMY } from '../faults.ts';
import { checkNobodyIsElectableWithout } from '../observers/electability.ts';
import { Elections } from '../observers/elections.ts';
import { Judge } from '../observers/judge.ts';
import { TotalOrder } from '../observers/total-order.ts';
import type { SeedOptions, SeedResult } from '../seed-result.ts';
import { SimulatedWorld, withoutImpureGlobals } from '../world/index.ts';
import { GroupCluster } from './group-cluster.ts';

const CONVERGENCE_MS_MAX = 30_000;

export function runGroupSeed({ seed, off }: SeedOptions): SeedResult {
  return withoutImpureGlobals(() => {
    const world = new SimulatedWorld(seed);
    const judge = new Judge(world);
    const drawn = world.random.split('configuration');
    const memberCount = drawn.pick([1, 3, 3, 3, 3, 5, 5, 5]);
    const options = drawGroupOptions(drawn, [60, 60, 100, 200, 600]);
    const plan = drawFaultPlan(drawn, STORMY, new Set(off));
    const durationMs = drawn.between(3000, 12_000);
    const order = new TotalOrder(judge);
    const elections = new Elections(judge);
    const cluster = new GroupCluster({
      world,
      judge,
      order,
      elections,
      random: world.random.split('members'),
      memberCount,
      options,
    });
    order.ordered = (message) => checkNobodyIsElectableWithout(judge, cluster.newestRuns, message);
    const isOver = (): boolean => judge.violation !== null;
    for (const member of cluster.members) cluster.restart(member);
    const broadcasts = new Broadcasts(world, cluster, world.random.split('workload'));
    broadcasts.begin();
    const faults = new FaultInjector({ world, targets: cluster, plan, random: world.random.split('faults') });
    world.schedule(drawn.between(0, 2_000_000), () => faults.begin());
    world.runFor(durationMs * 1000, isOver);
    if (!isOver()) {
      faults.heal();
      const healedUs = world.nowUs;
      const lastWords = new Set(cluster.members.map((_, i) => `last words of ${i}`));
      broadcasts.end([...lastWords]);
      const isConverged = (): boolean =>
        broadcasts.lastWordsLeft === 0 && cluster.members.every((m) => cluster.runningOn(m)?.place === order.length);
      world.runFor(CONVERGENCE_MS_MAX * 1000, () => isOver() || isConverged());
      if (!isConverged()) {
        const places = cluster.members.map((m) => `${m.name} ${cluster.runningOn(m)?.place}/${order.length}`);
        judge.fail(`not converged ${CONVERGENCE_MS_MAX} ms after healing: ${places.join(', ')}`);
      } else world.tell(`converged after ${(world.nowUs - healedUs) / 1000} ms`);
    }
    return {
      seed,
      violation: judge.violation,
      fingerprint: world.story.fingerprint,
      faultCounts: world.faultCounts.entries(),
      statistics: { ordered: order.length, leaders: elections.leadersSeen, broadcasts: broadcasts.count },
      simulatedMs: world.nowUs / 1000,
      configuration: `${memberCount} members, ${durationMs} ms\n${describeFaultPlan(plan)}\n${JSON.stringify(options)}`,
      story: world.story.toString(),
    };
  });
}

class Broadcasts {
  readonly #world: SimulatedWorld;
  readonly #cluster: GroupCluster;
  readonly #random: SeededRandom;
  readonly #meanGapMs: number;
  readonly #bytesMax: number;
  #isOver = false;
  #count = 0;
  #lastWordsLeft = 0;

  constructor(world: SimulatedWorld, cluster: GroupCluster, random: SeededRandom) {
    this.#world = world;
    this.#cluster = cluster;
    this.#random = random;
    this.#meanGapMs = random.pick([2, 10, 50]);
    this.#bytesMax = random.pick([10, 300, 3000]);
  }

  get count(): number {
    return this.#count;
  }

  /** Broadcasts that could not be handed over yet. */
  get lastWordsLeft(): number {
    return this.#lastWordsLeft;
  }

  begin(): void {
    for (const member of this.#cluster.members) {
      const again = (): void => {
        if (this.#isOver) return;
        const process = member.process;
        process?.turn(() => {
          const group = this.#cluster.runningOn(member)?.group;
          for (let burst = this.#random.pick([1, 1, 1, 5]); burst > 0 && group?.canBroadcast(); burst--) {
            this.#count++;
            group.broadcast(new Uint8Array(this.#random.below(this.#bytesMax)).fill(this.#count));
          }
        });
        this.#world.schedule(this.#random.below(2 * this.#meanGapMs * 1000), again);
      };
      this.#world.schedule(this.#random.below(1_000_000), again);
    }
  }

  end(lastWords: readonly string[]): void {
    this.#isOver = true;
    this.#lastWordsLeft = lastWords.length;
    for (const [i, member] of this.#cluster.members.entries()) {
      const say = (): void => {
        const group = this.#cluster.runningOn(member)?.group;
        if (member.process === null || !group?.canBroadcast()) {
          this.#world.schedule(10_000, say);
          return;
        }
        member.process.turn(() => {
          group.broadcast(utf8Encode(lastWords[i]!));
          this.#lastWordsLeft--;
        });
      };
      say();
    }
  }
}
