/**
 * How a member without a group comes to one.
 *
 * Forming a group, once: the bootstrapping member dials all seeds and asks who they are; when it knows them all it
 * writes the group's definition (id, founding view, options) durably; from then on it, and every member that has the
 * definition, hands it to each founding member that has none. Whoever was started with seeds takes it only where one of
 * them is in it: a stranger may found a group of whom it likes, and a member that lost its disk would take any.
 *
 * Joining one that is there: it asks every member that it reaches, again and again, until the leader has made it a
 * learner and the view with it is chosen; then it is told its ordinal, and writes that durably. So does a member that
 * was expelled, with the group and the log of its directory, for a new ordinal.
 */
import type { Random } from '../../base/index.ts';
import type { Belonging } from '../transfer/contract.ts';
import type { GroupDefinition } from '../types.ts';
import { foundingView, memberOf } from '../views.ts';
import type { Formation, GroupSetup } from './contract.ts';
import type { DecodedBelonging } from './definition.ts';
import type { Introduction } from './handshake.ts';

/** Hints of leaders, and of earlier members, to whom nobody answered are not kept for ever. */
const HINTS_MAX = 16;
/** Nor places in groups of which no seed has said yet that it is in them. */
const WITHHELD_MAX = 4;

type Self = Pick<GroupSetup, 'memberId' | 'groupAddress' | 'host' | 'port'>;

export class Joining {
  readonly formation: NonNullable<Formation>;
  readonly #setup: Self;
  readonly #met = new Map<string, Introduction>();
  #hints: readonly string[] = [];
  #withheld: readonly Belonging[] = [];

  constructor(setup: Self, formation: NonNullable<Formation>) {
    this.#setup = setup;
    this.formation = formation;
  }

  /** Whom to dial, besides the members of the group where that is known. */
  addresses(): ReadonlySet<string> {
    const seeds = this.formation.kind === 'rejoin' ? [] : this.formation.seeds;
    return new Set([...seeds, ...this.#hints]);
  }

  /** Whether that is news. */
  hint(leader: string): boolean {
    if (this.addresses().has(leader)) return false;
    this.#hints = [...this.#hints, leader].slice(-HINTS_MAX);
    return true;
  }

  /** Who belonged to the group, and may know who does now, however few the newest view has, and out of reach. */
  remember(members: readonly { readonly groupAddress: string }[]): void {
    for (const { groupAddress } of members) if (groupAddress !== this.#setup.groupAddress) this.hint(groupAddress);
  }

  /** Who answered there; it may belong to a group. */
  met(address: string, introduction: Introduction): void {
    this.#met.set(address, introduction);
  }

  /** The group that this member founds, once it has met all founding members. A string: it cannot. */
  found(random: Random, wallMs: number): Belonging | string | null {
    const { formation } = this;
    if (formation.kind !== 'bootstrap') return null;
    const { memberId, groupAddress, host, port } = this.#setup;
    const members = [{ memberId, groupAddress, host, port }];
    for (const address of formation.seeds) {
      const other = this.#met.get(address);
      if (other === undefined || other.groupId !== null) return null;
      members.push({ memberId: other.memberId, groupAddress: other.groupAddress, host: other.host, port: other.port });
    }
    if (new Set(members.map((member) => member.memberId)).size !== members.length) {
      return '--seeds names one member twice, or this member itself';
    }
    const definition: GroupDefinition = {
      groupId: random.uuid(),
      groupName: formation.groupName,
      view: foundingView(wallMs, members),
      options: formation.options,
    };
    return { definition, self: 0, view: definition.view };
  }

  /** What is wrong with a place in a group that is offered. `earlier`: where this member belonged before. Null: nothing. */
  problemOf(offer: DecodedBelonging, earlier: Belonging | null): string | null {
    if (offer.kind === 'malformed') return offer.reason;
    const { memberId, groupAddress } = this.#setup;
    const self = memberOf(offer.view, offer.self)!;
    if (this.formation.kind === 'bootstrap') return 'this member founds a group itself';
    if (self.memberId !== memberId || self.groupAddress !== groupAddress) return 'it is for another member';
    if (earlier === null) return null;
    if (offer.definition.groupId !== earlier.definition.groupId) return 'it is another group';
    return offer.self < earlier.self ? 'it is an earlier stay' : null;
  }

  /** A place that nobody was asked for: whether it is in a group that a seed founds or belongs to. Else it is kept for later. */
  isOfSeeds(offer: Belonging): boolean {
    const { formation } = this;
    if (formation.kind !== 'seeds') return true;
    const ids = new Set(formation.seeds.map((address) => this.#met.get(address)?.memberId));
    const members = [...offer.definition.view.members, ...offer.view.members];
    const others = members.filter(({ memberId }) => memberId !== this.#setup.memberId);
    if (others.some(({ memberId, groupAddress }) => ids.has(memberId) || formation.seeds.includes(groupAddress))) {
      return true;
    }
    const { groupId } = offer.definition;
    const older = this.#withheld.filter(({ definition }) => definition.groupId !== groupId);
    this.#withheld = [...older, offer].slice(-WITHHELD_MAX);
    return false;
  }

  /** The first of those kept that a seed is in, as far as is known by now. */
  withheldOfSeeds(): Belonging | null {
    return this.#withheld.find((offer) => this.isOfSeeds(offer)) ?? null;
  }
}
