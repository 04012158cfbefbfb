/**
 * The console page of a member: asks it once a second how the group is, and shows the answers. What is shown never comes
 * from more than one answer of one member; when that member is gone, the page keeps what it has, says so, and tries
 * again until it is back.
 */
/** @import { Connection } from './health.js' */
/** @import { Answer } from './member-link.js' */
import { ConflictSummaryView } from './conflict-summary-view.js';
import { ConflictsView } from './conflicts-view.js';
import { ConnectView } from './connect-view.js';
import { byId, setAttribute, setText } from './elements.js';
import { formatTimeOfDay } from './formats.js';
import { GroupWatch } from './group-watch.js';
import { healthOf } from './health.js';
import { HealthView } from './health-view.js';
import { LinkLost, MemberLink } from './member-link.js';
import { MembersView } from './members-view.js';
import { PlotsView } from './plots-view.js';
import { TransactionsView } from './transactions-view.js';

const ASK_EVERY_MS = 1_000;
/** While nobody looks. */
const ASK_EVERY_MS_HIDDEN = 10_000;
const RETRY_AFTER_MS = 1_000;

const LOOK = [
  { op: 'members' },
  { op: 'memberStats' },
  { op: 'conflicts', limit: 20 },
  { op: 'transactions', limit: 50 },
];
/** Counting ten thousand conflicts takes the member two milliseconds: not every time. */
const SUMMARY = { op: 'conflictSummary', limit: 10 };
const SUMMARY_EVERY_LOOKS = 5;

const address = location.host;
const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${address}/v1`;

const watch = new GroupWatch();
const views = {
  health: new HealthView(),
  members: new MembersView(),
  plots: new PlotsView(watch.history),
  conflicts: new ConflictsView(),
  summary: new ConflictSummaryView(),
  transactions: new TransactionsView(),
  connect: new ConnectView(),
};

/** @type {Connection} */
let connection = { kind: 'connecting', sinceMs: Date.now() };
/** @type {import('./group-watch.js').Group | null} */
let group = null;
let groupName = '';
let lastAnswerMs = 0;

setText(byId('address'), address);
showHealth();
// Durations go on while nothing is answered.
setInterval(showHealth, 1_000);
void follow();

async function follow() {
  for (;;) {
    try {
      await followConnected();
    } catch (error) {
      // Anything else is a mistake of this page, and would come again.
      if (!(error instanceof LinkLost)) throw error;
      lose();
      await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS));
    }
  }
}

/** Returns when it is to connect anew. @throws LinkLost */
async function followConnected() {
  const { link, welcome } = await MemberLink.open(url);
  const { name } = welcome.group;
  setText(byId('group-name'), name && `group ${name}`);
  setText(byId('version'), welcome.serverVersion);
  try {
    for (let look = 0; ; look++) {
      const answers = await link.ask(look % SUMMARY_EVERY_LOOKS === 0 ? [...LOOK, SUMMARY] : LOOK);
      take(answers, welcome.member.memberId, name);
      // The name comes with the connection only.
      if (name === '' && group !== null && group.members.length > 0) return;
      await untilNextLook();
    }
  } finally {
    link.close();
  }
}

/** @param {readonly Answer[]} answers @param {string} selfId @param {string} name */
function take([members, memberStats, conflicts, transactions, summary], selfId, name) {
  // A member that is shutting down answers so, and is gone the moment after.
  if (!members?.ok || !memberStats?.ok) throw new LinkLost('the member refuses to answer');
  const nowMs = Date.now();
  lastAnswerMs = nowMs;
  groupName = name;
  connection = { kind: 'open' };
  group = watch.take({ members: members.result, memberStats: memberStats.result, selfId }, nowMs);
  showHealth();
  if (document.hidden) return;
  byId('watched').hidden = group.members.length === 0;
  views.members.show(group, nowMs);
  views.connect.show(group, url);
  views.plots.show(group, nowMs);
  if (conflicts?.ok) views.conflicts.show(conflicts.result, group.names);
  if (transactions?.ok) views.transactions.show(transactions.result, group.names);
  if (summary?.ok) views.summary.show(summary.result, group.names);
}

function lose() {
  if (connection.kind !== 'open') return;
  connection = { kind: 'lost', sinceMs: lastAnswerMs };
  watch.interrupt(Date.now());
  showHealth();
}

function showHealth() {
  views.health.show(healthOf({ connection, group, address, nowMs: Date.now() }), group, groupName);
  setAttribute(byId('watched'), 'data-stale', connection.kind === 'open' ? null : '');
  setText(byId('looked-at'), lastAnswerMs === 0 ? '' : `· updated ${formatTimeOfDay(lastAnswerMs)}`);
}

/** A while, or until the page is looked at again. @returns {Promise<void>} */
function untilNextLook() {
  return new Promise((resolve) => {
    const look = () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', lookIfShown);
      resolve();
    };
    const lookIfShown = () => {
      if (!document.hidden) look();
    };
    const timer = setTimeout(look, document.hidden ? ASK_EVERY_MS_HIDDEN : ASK_EVERY_MS);
    document.addEventListener('visibilitychange', lookIfShown);
  });
}
