/**
 * A member's data directory: whose it is, and that one process has it.
 *
 * `member.json` holds the member's identity. Its incarnation is raised, durably, before anything else is done in a run.
 *
 * Three things keep a second process out. On Linux an abstract socket named after the directory's device and inode,
 * which the kernel takes back when its process dies, however it dies: no race, no leftovers. Everywhere a file `lock`
 * that says which process it was; a process of that id which started at another time is another one. `pid` repeats the
 * id for people and scripts. What none of them sees: processes of different containers that share nothing but the
 * directory.
 */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { crc32c, utf8Encode } from '../base/index.ts';
import { syncDirectoryNow } from './file-disk.ts';

export type DataDirectory =
  | {
      readonly kind: 'opened';
      readonly memberId: string;
      /** Of this run: one more than that of the last. Durable. */
      readonly incarnation: number;
      /** Fixed when the directory was made. */
      readonly lanes: number;
      /** Begins another run within this process: its incarnation, durable. @throws NodeJS.ErrnoException */
      nextIncarnation(): number;
      /** Lets another process have it. Harmless when repeated. */
      release(): void;
    }
  /** One line that says what, and what to do. */
  | { readonly kind: 'refused'; readonly reason: string };

interface MemberFile {
  readonly format: number;
  readonly memberId: string;
  readonly incarnation: number;
  readonly lanes: number;
}

const MEMBER_FILE = 'member.json';
const LOCK_FILE = 'lock';
const PID_FILE = 'pid';
const TEMPORARY = '.tmp';
const FORMAT = 1;
/** What a directory may hold and still count as empty: what an interrupted start leaves (`log` is where its output may go), and what a file system brings. */
const HARMLESS = new Set([LOCK_FILE, PID_FILE, 'log', 'lost+found']);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Makes the directory if there is none, takes it, and begins a new incarnation. Synchronous: nothing of a member runs yet.
 *
 * @param options `lanes`: for a new directory; one that exists keeps its own number.
 */
export function openDataDirectory(directory: string, options: { readonly lanes: number }): DataDirectory {
  try {
    makeDirectory(path.resolve(directory));
    const foreign = foreignContent(directory);
    if (foreign !== null) return refused(foreign);
    const lock = takeLock(directory);
    if (lock.kind === 'refused') return lock;
    const opened = beginIncarnation(directory, options.lanes);
    if (opened.kind === 'refused') {
      lock.release();
      return opened;
    }
    const { member } = opened;
    return {
      kind: 'opened',
      ...member,
      nextIncarnation: () => {
        member.incarnation++;
        writeMemberFile(directory, member);
        return member.incarnation;
      },
      release: lock.release,
    };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC') return refused(`${directory}: the disk is full: make room, then start again`);
    if (code === 'EEXIST' || code === 'ENOTDIR') {
      return refused(`${directory} is not a directory: give another data directory`);
    }
    return refused(`${directory} cannot be used (${message}): check its permissions, or give another data directory`);
  }
}

function makeDirectory(directory: string): void {
  const firstMade = fs.mkdirSync(directory, { recursive: true });
  if (firstMade === undefined) return;
  // Each name that was made is durable before anything is kept below it.
  for (let made = directory; ; made = path.dirname(made)) {
    syncDirectoryNow(path.dirname(made));
    if (made === firstMade || made === path.dirname(made)) return;
  }
}

function foreignContent(directory: string): string | null {
  const names = fs.readdirSync(directory);
  if (names.includes(MEMBER_FILE)) return null;
  const foreign = names.filter((name) => !HARMLESS.has(name) && !name.endsWith(TEMPORARY)).sort();
  if (foreign.length === 0) return null;
  return (
    `${directory} is not a Concert data directory (it holds ${foreign[0]}, but no ${MEMBER_FILE}): ` +
    'give an empty or a new directory'
  );
}

function beginIncarnation(
  directory: string,
  lanes: number,
):
  | { kind: 'refused'; reason: string }
  | { kind: 'begun'; member: Omit<MemberFile, 'format'> & { incarnation: number } } {
  const file = path.join(directory, MEMBER_FILE);
  let before: MemberFile = { format: FORMAT, memberId: randomUUID(), incarnation: 0, lanes };
  if (fs.existsSync(file)) {
    const parsed = parseMemberFile(fs.readFileSync(file, 'utf8'));
    if (parsed.kind === 'refused') return refused(`${file} ${parsed.reason}`);
    before = parsed.member;
  }
  const member = { memberId: before.memberId, incarnation: before.incarnation + 1, lanes: before.lanes };
  writeMemberFile(directory, member);
  return { kind: 'begun', member };
}

function writeMemberFile(directory: string, member: Omit<MemberFile, 'format'>): void {
  replaceNow(path.join(directory, MEMBER_FILE), memberFileText({ format: FORMAT, ...member }));
}

function parseMemberFile(
  text: string,
): { readonly kind: 'refused'; readonly reason: string } | { readonly kind: 'member'; readonly member: MemberFile } {
  const damaged = refused(
    'is damaged: put back the file from a backup, or start with a new data directory, which makes a new member',
  );
  let fields: Partial<Record<keyof MemberFile | 'checksum', unknown>> | null;
  try {
    fields = JSON.parse(text);
  } catch {
    return damaged;
  }
  if (typeof fields !== 'object' || fields === null) return damaged;
  const { format, memberId, incarnation, lanes, checksum } = fields;
  if (typeof format === 'number' && Number.isInteger(format) && format > FORMAT) {
    return refused(`has format ${format}, and this version of Concert knows ${FORMAT}: start a newer version`);
  }
  if (format !== FORMAT || typeof memberId !== 'string' || !UUID.test(memberId)) return damaged;
  if (typeof incarnation !== 'number' || !Number.isSafeInteger(incarnation) || incarnation < 1) return damaged;
  if (typeof lanes !== 'number' || !Number.isSafeInteger(lanes) || lanes < 1) return damaged;
  const member = { format, memberId, incarnation, lanes };
  return checksum === checksumOf(member) ? { kind: 'member', member } : damaged;
}

function memberFileText(member: MemberFile): string {
  return `${JSON.stringify({ ...member, checksum: checksumOf(member) }, null, 2)}\n`;
}

function checksumOf({ format, memberId, incarnation, lanes }: MemberFile): string {
  return crc32c(utf8Encode(JSON.stringify([format, memberId, incarnation, lanes])))
    .toString(16)
    .padStart(8, '0');
}

type Lock = { readonly kind: 'taken'; release(): void } | { readonly kind: 'refused'; readonly reason: string };

/** Which process has the directory. */
interface LockFile {
  readonly pid: number;
  /** Which boot of the machine, and how many ticks after it the process started; null where the system does not say. */
  readonly startedAt: string | null;
}

function takeLock(directory: string): Lock {
  const socket = takeSocket(directory);
  if (socket === 'taken') return inUse(directory, readLockFile(directory)?.pid ?? null);
  const holder = readLockFile(directory);
  if (holder !== null && isAlive(holder)) {
    socket?.close();
    return inUse(directory, holder.pid);
  }
  if (!takeLockFile(directory, holder)) {
    socket?.close();
    return inUse(directory, readLockFile(directory)?.pid ?? null);
  }
  replaceNow(path.join(directory, PID_FILE), `${process.pid}\n`);
  let isReleased = false;
  const release = (): void => {
    if (isReleased) return;
    isReleased = true;
    fs.rmSync(path.join(directory, PID_FILE), { force: true });
    fs.rmSync(path.join(directory, LOCK_FILE), { force: true });
    socket?.close();
  };
  return { kind: 'taken', release };
}

function inUse(directory: string, pid: number | null): { kind: 'refused'; reason: string } {
  const holder = pid === null ? 'another process' : `process ${pid}`;
  return refused(`${directory} is in use by ${holder}: stop that one first, or give another data directory`);
}

/** The lock that the kernel keeps; null where there is none. */
function takeSocket(directory: string): net.Server | 'taken' | null {
  if (process.platform !== 'linux') return null;
  const { dev, ino } = fs.statSync(directory, { bigint: true });
  const server = net.createServer((connection) => connection.destroy());
  server.on('error', () => {});
  // Binding a local name is done within the call; only the news of it come later.
  server.listen({ path: `\0concert-data-${dev}-${ino}` });
  if (!server.listening) return 'taken';
  server.unref();
  return server;
}

/** Puts our lock file in place of none or of the `stale` one; false if another process was faster. */
function takeLockFile(directory: string, stale: LockFile | null): boolean {
  const file = path.join(directory, LOCK_FILE);
  const ours = `${file}.${process.pid}${TEMPORARY}`;
  const lock: LockFile = { pid: process.pid, startedAt: processFacts(process.pid)?.startedAt ?? null };
  fs.writeFileSync(ours, `${JSON.stringify(lock)}\n`);
  try {
    if (fs.existsSync(file)) {
      const aside = `${file}.${process.pid}.stale${TEMPORARY}`;
      fs.renameSync(file, aside);
      const moved = parseLockFile(fs.readFileSync(aside, 'utf8'));
      const isStale = moved?.pid === stale?.pid && moved?.startedAt === stale?.startedAt;
      // It was taken over since we looked: put back.
      if (!isStale) fs.linkSync(aside, file);
      fs.rmSync(aside);
      if (!isStale) return false;
    }
    // A link comes with its content, and only if there is none of that name.
    fs.linkSync(ours, file);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  } finally {
    fs.rmSync(ours, { force: true });
  }
}

function readLockFile(directory: string): LockFile | null {
  try {
    return parseLockFile(fs.readFileSync(path.join(directory, LOCK_FILE), 'utf8'));
  } catch {
    return null;
  }
}

/** Null: not what a process writes there, hence of no process. */
function parseLockFile(text: string): LockFile | null {
  try {
    const { pid, startedAt } = JSON.parse(text);
    if (!Number.isSafeInteger(pid) || pid < 1) return null;
    return { pid, startedAt: typeof startedAt === 'string' ? startedAt : null };
  } catch {
    return null;
  }
}

function isAlive(holder: LockFile): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const found = processFacts(holder.pid);
  if (found === null) return true;
  if (found.hasEnded) return false;
  return holder.startedAt === null || holder.startedAt === found.startedAt;
}

/** Null where the system does not say. */
function processFacts(pid: number): { readonly hasEnded: boolean; readonly startedAt: string } | null {
  try {
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const status = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses, and may hold anything. Behind it: state, and 19 further on the start.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    return { hasEnded: fields[0] === 'Z' || fields[0] === 'X', startedAt: `${boot}/${fields[19]}` };
  } catch {
    return null;
  }
}

/** Replaces a file durably: whole old or whole new after a crash. */
function replaceNow(file: string, text: string): void {
  const temporary = file + TEMPORARY;
  fs.writeFileSync(temporary, text, { flush: true });
  fs.renameSync(temporary, file);
  syncDirectoryNow(path.dirname(file));
}

function refused(reason: string): { kind: 'refused'; reason: string } {
  return { kind: 'refused', reason };
}
