/**
 * The answer to "is it healthy?", in words. What there is to say is gathered as findings; the gravest one becomes the
 * headline, the others stand below it.
 */
/** @import { Group, WatchedMember } from './group-watch.js' */
import { formatCount, formatDuration, formatRate, formatTimeOfDay } from './formats.js';
import { nameOf as memberNameOf } from './member-names.js';

/** @typedef {'good' | 'attention' | 'bad' | 'waiting'} Level */

/**
 * @typedef {object} Finding
 * @property {Level} level
 * @property {string} text
 * @property {string} spoken without figures that change all the time: it is read out whenever it changes
 * @property {string} [advice]
 */

/**
 * @typedef {object} Health
 * @property {Level} level
 * @property {string} headline
 * @property {string} spoken
 * @property {string} short for the title of the window
 * @property {readonly string[]} details
 * @property {boolean} offersOtherMembers their pages are where to go on
 */

/**
 * @typedef {{ readonly kind: 'connecting', readonly sinceMs: number }
 *   | { readonly kind: 'open' }
 *   | { readonly kind: 'lost', readonly sinceMs: number }} Connection `sinceMs`: of the last answer
 */

/** A connection that takes no longer is nothing to be told of. */
const CONNECT_MS = 3_000;
const LAG_MS_MAX = 5_000;
/** What was compared before that says nothing of now. */
export const COMPARED_MS_MAX = 10_000;

/**
 * @param {{ readonly connection: Connection, readonly group: Group | null, readonly address: string, readonly nowMs: number }} facts
 * @returns {Health}
 */
export function healthOf({ connection, group, address, nowMs }) {
  if (connection.kind === 'connecting') return connecting(address, nowMs - connection.sinceMs);
  if (connection.kind === 'lost') return lost(address, connection.sinceMs, nowMs);
  if (group === null) return connecting(address, 0);
  if (group.members.length === 0) return withoutGroup(address);
  const [gravest, ...others] = findingsOf(group, nowMs);
  if (gravest === undefined) return good(group, nowMs);
  return {
    level: gravest.level,
    headline: gravest.text,
    spoken: gravest.spoken,
    short: shortOf(group),
    details: [
      ...(gravest.advice === undefined ? [] : [gravest.advice]),
      ...others.map(({ text }) => text),
      `${activityOf(group)}.`,
    ],
    offersOtherMembers: false,
  };
}

/** @param {string} address @param {number} forMs @returns {Health} */
function connecting(address, forMs) {
  const isLate = forMs > CONNECT_MS;
  const headline = isLate ? `No member answers at ${address}` : `Connecting to ${address}…`;
  const details = isLate ? ['Trying again by itself.'] : [];
  return {
    level: isLate ? 'bad' : 'waiting',
    headline,
    spoken: headline,
    short: 'connecting',
    details,
    offersOtherMembers: false,
  };
}

/** @param {string} address @param {number} sinceMs @param {number} nowMs @returns {Health} */
function lost(address, sinceMs, nowMs) {
  return {
    level: 'bad',
    headline: `This page’s member, ${address}, has not answered for ${formatDuration(nowMs - sinceMs)}`,
    spoken: `This page’s member, ${address}, does not answer.`,
    short: 'no answer',
    details: [
      `Everything below is as of ${formatTimeOfDay(sinceMs)}. This page connects again by itself.`,
      'Whether the group goes on is seen at another member:',
    ],
    offersOtherMembers: true,
  };
}

/** @param {string} address @returns {Health} */
function withoutGroup(address) {
  const headline = `${address} waits for its group to be formed`;
  const details = [
    'A group is formed once, when all of its members have met. Do the others run, and do they reach this one?',
  ];
  return { level: 'attention', headline, spoken: headline, short: 'no group yet', details, offersOtherMembers: false };
}

/** @param {Group} group @param {number} nowMs @returns {Health} */
function good(group, nowMs) {
  const count = group.members.length;
  const who = count === 1 ? 'The only member is ONLINE' : `All ${count} members are ONLINE`;
  const { digests } = group;
  const isEqual = group.appliedUpTo > 0 && digests.kind === 'equal' && nowMs - digests.seenMs <= COMPARED_MS_MAX;
  const data = isEqual ? `, data equal at ${formatCount(digests.upTo)}` : '';
  return {
    level: 'good',
    headline: `${who}, ${commitsOf(group)}${data}`,
    spoken: `${who}.`,
    short: shortOf(group),
    details: [],
    offersOtherMembers: false,
  };
}

/** Gravest first. @param {Group} group @param {number} nowMs @returns {readonly Finding[]} */
function findingsOf(group, nowMs) {
  return [
    ...differingData(group),
    ...missingMajority(group),
    ...stopped(group),
    ...unreachable(group, nowMs),
    ...withoutRoom(group),
    ...notOnlineYet(group, nowMs),
    ...lagging(group),
  ];
}

/** @param {Group} group @returns {readonly Finding[]} */
function differingData({ digests, names }) {
  if (digests.kind !== 'different') return [];
  const who = list(digests.memberIds.map((memberId) => memberNameOf(names, memberId).full));
  const whom = digests.isMinority ? 'the others’' : 'each other';
  const text = `The data of ${who} differ from ${whom} at ${formatCount(digests.at)}`;
  return [
    {
      level: 'bad',
      text,
      spoken: text,
      advice: 'Keep clients away, and keep the data directories: concert verify shows the rows that differ.',
    },
  ];
}

/** @param {Group} group @returns {readonly Finding[]} */
function missingMajority({ members }) {
  const voters = votersOf(members);
  const reached = voters.filter(({ state }) => state !== 'UNREACHABLE').length;
  if (reached >= majorityOf(members)) return [];
  const text = `No majority: ${reached} of ${voters.length} members reached from here, so nothing can commit`;
  const advice = `${majorityOf(members)} are needed. Here, reads go on; the others may have gone on without this one.`;
  return [{ level: 'bad', text, spoken: text, advice }];
}

/** @param {Group} group @returns {readonly Finding[]} */
function stopped({ members }) {
  return members
    .filter(({ state }) => state === 'ERROR')
    .map((member) => {
      const text = `${nameOf(member)} has stopped serving: ERROR`;
      return {
        level: 'bad',
        text,
        spoken: text,
        advice: 'Its log says why. A member stops when its data differ from those of a majority, or its disk fails.',
      };
    });
}

/** @param {Group} group @param {number} nowMs @returns {readonly Finding[]} */
function unreachable({ members }, nowMs) {
  const gone = members.filter(({ state }) => state === 'UNREACHABLE');
  const voters = votersOf(members);
  const left = voters.filter(({ state }) => state !== 'UNREACHABLE').length;
  const needed = majorityOf(members);
  const goesOn = left >= needed;
  const isLast = left === needed;
  return gone.map((member, i) => {
    const more = goesOn && i === 0 ? `; the group goes on with ${left} of ${voters.length}` : '';
    return {
      level: 'attention',
      text: `${nameOf(member)} has been unreachable for ${howLong(member, nowMs)}${more}`,
      spoken: `${nameOf(member)} is unreachable${more}.`,
      ...(goesOn &&
        isLast && { advice: `If one more goes, nothing can commit: ${needed} of ${voters.length} are needed.` }),
    };
  });
}

/** @param {Group} group @returns {readonly Finding[]} */
function withoutRoom({ members }) {
  return members
    .filter(({ hasRoom, state }) => !hasRoom && state !== 'UNREACHABLE')
    .map((member) => {
      const text = `${nameOf(member)} has a full disk: it answers reads only`;
      const advice =
        'Make room there; it takes writes again by itself. Clients are sent to the other members meanwhile.';
      return { level: 'attention', text, spoken: text, advice };
    });
}

/** @param {Group} group @param {number} nowMs @returns {readonly Finding[]} */
function notOnlineYet({ members }, nowMs) {
  return members
    .filter(({ state }) => state === 'RECOVERING' || state === 'OFFLINE')
    .map((member) => {
      const is = member.state === 'RECOVERING' ? 'is catching up (RECOVERING)' : 'does not take part (OFFLINE)';
      const left = member.behind.transactions;
      const behind = left > 0 ? `, ${formatCount(left)} transactions behind` : '';
      const text = `${nameOf(member)} ${is}${behind}, for ${howLong(member, nowMs)}`;
      return { level: 'attention', text, spoken: `${nameOf(member)} ${is}.` };
    });
}

/** @param {Group} group @returns {readonly Finding[]} */
function lagging({ members }) {
  return members
    .filter(
      ({ state, behind }) =>
        state === 'ONLINE' && behind.transactions > 0 && (behind.ms === null || behind.ms > LAG_MS_MAX),
    )
    .map((member) => {
      const { transactions, ms } = member.behind;
      const time = ms === null ? '' : ` (${formatDuration(ms)})`;
      const text = `${nameOf(member)} is ${formatCount(transactions)} transactions${time} behind`;
      return { level: 'attention', text, spoken: `${nameOf(member)} lags behind.` };
    });
}

/** @param {Group} group */
function activityOf(group) {
  const { digests } = group;
  const data = digests.kind === 'equal' ? `; data last seen equal at ${formatCount(digests.upTo)}` : '';
  return `${capital(commitsOf(group))}, ${formatRate(group.conflictsPerSecond)} conflicts/s${data}`;
}

/** @param {Group} group */
function commitsOf({ commitsPerSecond, appliedUpTo }) {
  if (appliedUpTo === 0) return 'no commits yet';
  if (commitsPerSecond === null) return 'commits/s not known yet';
  return commitsPerSecond === 0 ? 'no commits at present' : `${formatRate(commitsPerSecond)} commits/s`;
}

/** @param {Group} group */
function shortOf({ members }) {
  const online = members.filter(({ state }) => state === 'ONLINE').length;
  return `${online} of ${members.length} ONLINE`;
}

/** @param {WatchedMember} member */
function nameOf({ isSelf, name }) {
  return isSelf ? `This page’s member, ${name.full},` : `Member ${name.full}`;
}

/** @param {WatchedMember} member @param {number} nowMs */
export function howLong({ sinceMs, isSinceExact }, nowMs) {
  return `${isSinceExact ? '' : 'at least '}${formatDuration(nowMs - sinceMs)}`;
}

/** @param {readonly WatchedMember[]} members */
function votersOf(members) {
  return members.filter(({ isLearner }) => !isLearner);
}

/** @param {readonly WatchedMember[]} members */
function majorityOf(members) {
  return Math.floor(votersOf(members).length / 2) + 1;
}

/** @param {readonly string[]} names */
function list(names) {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
