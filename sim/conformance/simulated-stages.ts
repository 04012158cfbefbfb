import { type Environment, InvariantViolation } from '../../gcs/base/index.ts';
import { type SimulatedProcess, SimulatedWorld } from '../world/index.ts';
import type { DiskStage, NetworkStage, Stage } from './stage.ts';

export function simulatedDisk(seed: number): DiskStage {
  const world = new SimulatedWorld(seed);
  const { environment, process } = startOn(world, 'a:1');
  return { disk: environment.disk, ...stageOf(world, process) };
}

export function simulatedNetwork(seed: number): NetworkStage {
  const world = new SimulatedWorld(seed);
  world.network.conditions.delaysPerMillion = 100_000;
  world.network.conditions.delayMaxUs = 10_000;
  const listener = startOn(world, 'a:1');
  const opener = startOn(world, 'b:1');
  return {
    listener: listener.environment.network,
    opener: opener.environment.network,
    address: 'a:1',
    nobody: 'c:1',
    ...stageOf(world, opener.process),
  };
}

function startOn(world: SimulatedWorld, address: string): { environment: Environment; process: SimulatedProcess } {
  const environments: Environment[] = [];
  const process = world.addHost(address, address).start((environment) => environments.push(environment));
  return { environment: environments[0]!, process };
}

function stageOf(world: SimulatedWorld, process: SimulatedProcess): Stage {
  return {
    until: async <T>(start: (done: (value: T) => void) => void) => {
      const values: T[] = [];
      process.turn(() => start((value) => values.push(value)));
      world.runFor(60_000_000, () => values.length > 0);
      if (values.length === 0) throw new InvariantViolation('the world went quiet before it was done');
      return values[0]!;
    },
    close: async () => {},
  };
}
