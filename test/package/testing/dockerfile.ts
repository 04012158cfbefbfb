/** A Dockerfile as its stages and instructions. Only what this project's own says is known; the rest is an error. */

export interface Instruction {
  readonly name: string;
  /** Flags in front, by name: `--from=build` is `from: "build"`. */
  readonly flags: Readonly<Record<string, string>>;
  /** What follows them, continuation lines joined. */
  readonly text: string;
}

export interface Stage {
  readonly base: string;
  readonly name: string | null;
  readonly instructions: readonly Instruction[];
}

const KNOWN = new Set(
  'ARG FROM WORKDIR COPY RUN ENV USER VOLUME EXPOSE HEALTHCHECK STOPSIGNAL ENTRYPOINT CMD'.split(' '),
);
const FLAG = /^--([a-z-]+)=(\S+)\s+/;

export function parseDockerfile(source: string): readonly Stage[] {
  const stages: { base: string; name: string | null; instructions: Instruction[] }[] = [];
  const globals = new Map<string, string>();
  for (const instruction of instructionsOf(source)) {
    const { name, text } = instruction;
    if (name === 'FROM') {
      const [, base, stageName] = /^(\S+)(?: AS (\S+))?$/.exec(text)!;
      const image = base!.replace(/\$\{(\w+)\}/g, (_, variable) => globals.get(variable) ?? unknown(variable));
      stages.push({ base: image, name: stageName ?? null, instructions: [] });
    } else if (stages.length === 0) {
      if (name !== 'ARG') throw new Error(`${name} stands before FROM`);
      const [variable, value] = text.split('=');
      globals.set(variable!, value!);
    } else {
      stages.at(-1)!.instructions.push(instruction);
    }
  }
  return stages;
}

/** The exec form, a JSON array; the shell form is not used here, since a shell does not pass signals on. */
export function execForm(text: string): readonly string[] {
  const words: unknown = JSON.parse(text);
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) throw new Error(`no words: ${text}`);
  return words;
}

function instructionsOf(source: string): Instruction[] {
  const lines = source.split('\n').filter((line) => !line.trimStart().startsWith('#'));
  const joined = lines.join('\n').replace(/\\\n\s*/g, ' ');
  return joined.split('\n').flatMap((line) => {
    if (line.trim() === '') return [];
    const [, name, rest] = /^(\S+)\s+(.*)$/.exec(line)!;
    if (!KNOWN.has(name!)) throw new Error(`unknown instruction ${name}`);
    const flags: Record<string, string> = {};
    let text = rest!;
    for (let flag = FLAG.exec(text); flag !== null; flag = FLAG.exec(text)) {
      flags[flag[1]!] = flag[2]!;
      text = text.slice(flag[0].length);
    }
    return [{ name: name!, flags, text: text.trim() }];
  });
}

function unknown(variable: string): never {
  throw new Error(`unknown variable ${variable}`);
}
