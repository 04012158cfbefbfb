/**
 * A service of docker-compose.yml as processes: the image's entrypoint with the service's command, its host name and
 * those of the others turned into loopback addresses, its volume into a folder.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Service } from './compose.ts';
import { outerEnvironment, type Result, run } from './empty-project.ts';
import type { Image } from './staged-image.ts';

export class Container {
  readonly #image: Image;
  readonly #service: Service;
  readonly #addresses: ReadonlyMap<string, string>;
  readonly #volumes: string;
  #process: ChildProcess | null = null;
  #ended: Promise<unknown> = Promise.resolve();
  /** What it wrote since it was started last. */
  log = '';

  /** `addresses`: by host name. `volumes`: a folder for the named volumes. */
  constructor(setup: {
    readonly image: Image;
    readonly service: Service;
    readonly addresses: ReadonlyMap<string, string>;
    readonly volumes: string;
  }) {
    this.#image = setup.image;
    this.#service = setup.service;
    this.#addresses = setup.addresses;
    this.#volumes = setup.volumes;
    for (const volume of setup.service.volumes)
      mkdirSync(path.join(this.#volumes, volume.split(':')[0]!), { recursive: true });
  }

  get address(): string {
    return this.#addresses.get(this.#service.hostname)!;
  }

  /** Null while it runs, and before. */
  get exitCode(): number | null {
    return this.#process?.exitCode ?? null;
  }

  start(): void {
    this.log = '';
    const [program, ...args] = this.#here([...this.#image.entrypoint, ...this.#service.command]);
    const child = spawn(program!, args, {
      env: this.#environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => {
        this.log += data;
      });
    }
    this.#process = child;
    this.#ended = once(child, 'close');
  }

  /** As `docker stop`: the signal goes to the first process. Its exit code, or the signal that ended it. */
  async stop(): Promise<number | string | null> {
    this.#process?.kill(this.#image.stopSignal);
    await this.#ended;
    return this.#process?.exitCode ?? this.#process?.signalCode ?? null;
  }

  /** Ends all its processes, if there are any left. */
  async kill(): Promise<void> {
    try {
      if (this.#process?.pid !== undefined) process.kill(-this.#process.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    await this.#ended;
  }

  /** Runs a command in the container, as `docker exec`. */
  run(words: readonly string[]): Promise<Result> {
    const [program, ...args] = this.#here(words);
    return run(program!, args, { environment: this.#environment() });
  }

  async isHealthy(): Promise<boolean> {
    const [kind, ...words] = this.#service.healthcheck.test;
    if (kind !== 'CMD') throw new Error(`a health check of kind ${kind}`);
    return (await this.run(words)).code === 0;
  }

  #environment(): NodeJS.ProcessEnv {
    const said = Object.entries({ ...this.#image.environment, ...this.#service.environment });
    const own = Object.fromEntries(said.map(([name, value]) => [name, this.#here([value])[0]!]));
    const outer = outerEnvironment();
    const bin = path.join(this.#image.root, 'usr', 'local', 'bin');
    return { ...outer, PATH: `${bin}${path.delimiter}${outer.PATH}`, ...own };
  }

  /** Paths and host names of the container as those of this machine. */
  #here(words: readonly string[]): string[] {
    return words.map((word) => {
      let here = word;
      for (const [name, address] of this.#addresses) here = here.replaceAll(name, address);
      for (const volume of this.#service.volumes) {
        const [name, folder] = volume.split(':');
        if (word === folder) here = path.join(this.#volumes, name!);
      }
      return here;
    });
  }
}
