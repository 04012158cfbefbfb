/** What the transfer of a member's state to another is made of (H3, C6). */
import type { LaneStore, VerdictFile, VerdictFileOptions } from '../../../../applier/index.ts';
import type { Clock, Disk, GroupId, LogIndex, MemberId } from '../../../../gcs/base/index.ts';
import type { EntryId, LogDamage, MessageLog, SegmentLog } from '../../../../gcs/core/index.ts';
import type { ReplicatedState } from '../replicated-state.ts';

/** What a donor reads of its log. */
export type DonorLog = MessageLog & Pick<SegmentLog, 'viewAt' | 'lastMessagesAt' | 'hardState'>;

export interface OpenStateParts {
  readonly state: ReplicatedState;
  /** Not truncated meanwhile: the caller holds a pin from before `openState` until `close`. */
  readonly log: DonorLog;
}

export interface StateReceiverSetup {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly memberId: MemberId;
  /** A state of another group is refused. */
  readonly groupId: GroupId;
  /** Open, and nobody else's meanwhile; the receiver lets go of it by `close`, and does not close it. */
  readonly log: SegmentLog;
  readonly lanes: readonly LaneStore[];
  readonly verdicts: VerdictFileOptions;
  /** Of `damageOf`: the end that the log durably had. */
  readonly claim: EntryId | null;
  /** The disk has no room (R16): what is received waits for it. */
  readonly roomChanged: (hasRoom: boolean) => void;
}

/** Of the attempt under way. */
export interface ReceiverProgress {
  readonly bytes: number;
  readonly entries: number;
  readonly rows: number;
}

export interface DamageParts {
  readonly disk: Disk;
  readonly memberId: MemberId;
  readonly log: SegmentLog;
  /** As the log was opened with it. */
  readonly logDamage: LogDamage | null;
  readonly lanes: readonly LaneStore[];
  readonly verdicts: VerdictFileOptions;
}

export type DirectoryState =
  | {
      /** Its files fit together, as soon as what `repair` says is repaired. */
      readonly kind: 'usable';
      /** Open: for `ReplicatedState.rebuild`. */
      readonly verdicts: VerdictFile;
      /** Indexes of entries, all of them chosen, that `log.repair` has to bring before anything is rebuilt. Ascending; mostly none. */
      readonly repair: readonly { readonly from: LogIndex; readonly upTo: LogIndex }[];
      /** From there on the log is to be discarded first, with `claim`; null: nothing is. */
      readonly discardFrom: LogIndex | null;
      readonly claim: EntryId | null;
      /** Entries up to there that can be read are chosen for certain: others may lack them. 0: none. */
      readonly chosenUpTo: LogIndex;
    }
  /** It takes the state of another member. `file`, `offset`: what was damaged, for the operator; '' if no single file is. */
  | {
      readonly kind: 'needs-state';
      readonly file: string;
      readonly offset: number;
      readonly reason: string;
      /** For the receiver. */
      readonly claim: EntryId | null;
      /** As above. */
      readonly chosenUpTo: LogIndex;
    }
  /** One line: what is wrong and what to do. */
  | { readonly kind: 'refused'; readonly reason: string };
