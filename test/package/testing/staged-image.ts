/**
 * An image as a folder: the Dockerfile's steps, run on this machine without a container engine. An absolute path of the
 * image is a path below the stage's folder, in WORKDIR, COPY, RUN and ENV alike; the base image is this process's own
 * Node and the system's tools. What a folder cannot have is its users: `chown` is only noted.
 */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { execForm, type Instruction, parseDockerfile, type Stage } from './dockerfile.ts';
import { outerEnvironment } from './empty-project.ts';

export interface Image {
  readonly root: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** As the Dockerfile says it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly user: string;
  readonly volumes: readonly string[];
  readonly ports: readonly number[];
  readonly stopSignal: NodeJS.Signals;
  readonly healthCheck: readonly string[];
  /** Folders of the image that were given to a user, `USER:GROUP FOLDER`. */
  readonly owners: readonly string[];
}

/** Builds the last stage of `context`'s Dockerfile below `scratch`. */
export function buildImage(context: string, scratch: string): Image {
  const stages = parseDockerfile(readFileSync(path.join(context, 'Dockerfile'), 'utf8'));
  const built = stages.map((stage, i) => ({ stage, build: new StageBuild(path.join(scratch, `stage-${i}`)) }));
  const sourceOf = (name: string | undefined): string => {
    if (name === undefined) return context;
    const from = built.find(({ stage }) => stage.name === name);
    if (from === undefined) throw new Error(`there is no stage ${name}`);
    return from.build.root;
  };
  for (const { stage, build } of built) build.run(stage, context, sourceOf);
  return built.at(-1)!.build.image();
}

/** Whether `.dockerignore`, which names files and folders at any depth here, leaves `file` away. */
export function isIgnored(context: string, file: string): boolean {
  const patterns = readFileSync(path.join(context, '.dockerignore'), 'utf8').split('\n').filter(Boolean);
  const relative = path.relative(context, file);
  return patterns.some((pattern) => path.matchesGlob(relative, pattern));
}

class StageBuild {
  readonly root: string;
  readonly #tools: string;
  readonly #noted: string;
  readonly #environment: Record<string, string> = {};
  readonly #said = new Map<string, string>();
  #workdir = '/';

  constructor(root: string) {
    this.root = root;
    this.#tools = `${root}-tools`;
    this.#noted = path.join(this.#tools, 'owners');
    mkdirSync(this.#tools, { recursive: true });
    mkdirSync(this.inside('/usr/local/bin'), { recursive: true });
    symlinkSync(process.execPath, this.inside('/usr/local/bin/node'));
    writeFileSync(path.join(this.#tools, 'chown'), `#!/bin/sh\necho "$@" >> '${this.#noted}'\n`);
    chmodSync(path.join(this.#tools, 'chown'), 0o755);
    appendFileSync(this.#noted, '');
  }

  /** Where a path of the image is on this machine. */
  inside(inImage: string): string {
    return path.join(this.root, inImage);
  }

  run(stage: Stage, context: string, sourceOf: (stageName: string | undefined) => string): void {
    for (const instruction of stage.instructions) {
      const { name, text, flags } = instruction;
      if (name === 'WORKDIR') {
        this.#workdir = path.posix.resolve(this.#workdir, text);
        mkdirSync(this.inside(this.#workdir), { recursive: true });
      } else if (name === 'COPY') {
        this.#copy(instruction, sourceOf(flags.from), flags.from === undefined ? context : null);
      } else if (name === 'RUN') {
        this.#shell(text);
      } else if (name === 'ENV') {
        const [variable, value] = text.split('=');
        this.#environment[variable!] = value!;
      } else {
        this.#said.set(name, text);
      }
    }
  }

  image(): Image {
    const said = (name: string): string => {
      const text = this.#said.get(name);
      if (text === undefined) throw new Error(`the image has no ${name}`);
      return text;
    };
    return {
      root: this.root,
      entrypoint: execForm(said('ENTRYPOINT')),
      command: execForm(said('CMD')),
      environment: this.#environment,
      user: said('USER'),
      volumes: said('VOLUME').split(' '),
      ports: said('EXPOSE').split(' ').map(Number),
      stopSignal: said('STOPSIGNAL') as NodeJS.Signals,
      healthCheck: execForm(said('HEALTHCHECK').replace(/^CMD /, '')),
      owners: readFileSync(this.#noted, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => line.replaceAll(this.root, '')),
    };
  }

  /** A folder's content goes into the target; files go into it if it ends in a slash, else they become it. */
  #copy({ text }: Instruction, source: string, context: string | null): void {
    const words = text.split(' ');
    const target = words.pop()!;
    const to = this.inside(path.posix.resolve(this.#workdir, target));
    for (const from of words.flatMap((word) => globSync(path.join(source, word)))) {
      const isFolder = statSync(from).isDirectory();
      cpSync(from, isFolder || !target.endsWith('/') ? to : path.join(to, path.basename(from)), {
        recursive: true,
        verbatimSymlinks: true,
        filter: (file) => context === null || file === context || !isIgnored(context, file),
      });
    }
    if (!existsSync(to)) throw new Error(`COPY ${text} copied nothing`);
  }

  #shell(text: string): void {
    const here = text.replace(/(?<=^|\s)\/(?=[a-z])/g, `${this.root}/`);
    const places = [this.#tools, this.inside('/usr/local/bin'), process.env.PATH];
    try {
      execFileSync('/bin/sh', ['-ec', here], {
        cwd: this.inside(this.#workdir),
        env: { ...outerEnvironment(), ...this.#environment, PATH: places.join(path.delimiter) },
        stdio: ['ignore', 'pipe', 'pipe'],
        encoding: 'utf8',
      });
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`RUN ${text}\n${stdout}${stderr}`);
    }
  }
}
