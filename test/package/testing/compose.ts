/** docker-compose.yml as far as this project's says anything. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface Service {
  readonly hostname: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  /** `ADDRESS:PORT:CONTAINERPORT` */
  readonly ports: readonly string[];
  /** `NAME:FOLDER` */
  readonly volumes: readonly string[];
  readonly healthcheck: { readonly test: readonly string[] };
  readonly stop_grace_period: string;
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export function readCompose(file: string): Compose {
  return parse(readFileSync(file, 'utf8'), { merge: true });
}
