import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { foundingView, withLearner, without } from '../views.ts';
import { decodeBelonging, encodeBelonging } from './definition.ts';
import { decodeFrame, encodeFrame, type Frame, GROUP_PROTOCOL_VERSION, type Introduction } from './handshake.ts';

describe('the frames between members', () => {
  const introduction: Introduction = {
    protocolVersion: GROUP_PROTOCOL_VERSION,
    memberId: 'm',
    incarnation: 3,
    groupId: null,
    ordinal: null,
    viewNumber: 0,
    isLeader: false,
    messageBytesMax: 1000,
    formation: 'seeds',
    groupAddress: 'h:1',
    host: 'h',
    port: 2,
  };
  const member = { memberId: 'm', groupAddress: 'h:1', host: 'h', port: 1 };
  const view = without(withLearner(foundingView(1, [member]), { ...member, memberId: 'n' }), 0);
  const inGroup: Introduction = { ...introduction, groupId: 'g', ordinal: 4, viewNumber: 7, formation: null };

  test('come back as they were sent', () => {
    const frames: Frame[] = [
      { kind: 'hello', introduction, purpose: 'group' },
      { kind: 'hello', introduction: inGroup, purpose: 'transfer' },
      { kind: 'answer', introduction, refused: null, isExpelled: false, view: null },
      { kind: 'answer', introduction: inGroup, refused: 'why', isExpelled: true, view },
      { kind: 'refused', reason: 'why' },
      { kind: 'belonging', bytes: new Uint8Array([1]) },
      { kind: 'join' },
      { kind: 'wait', leader: null },
      { kind: 'wait', leader: 'h:1' },
      { kind: 'expelled', view },
      { kind: 'view', view },
      { kind: 'remove', ordinal: 3 },
      { kind: 'remove-problem', ordinal: 3, problem: 'why' },
      { kind: 'present', isBusy: true },
      { kind: 'peer', bytes: new Uint8Array([2, 3]) },
      { kind: 'notice', bytes: new Uint8Array() },
      { kind: 'chunk', request: 1, number: 2, bytes: new Uint8Array([4]) },
    ];
    for (const frame of frames) assert.deepEqual(decodeFrame(encodeFrame(frame)), frame);
  });

  test('who speaks another version is understood well enough to be told so', () => {
    const { ordinal: _, viewNumber: __, isLeader: ___, ...older } = { ...introduction, protocolVersion: 1 };
    const hello = { kind: 'hello', introduction: older as Introduction, purpose: 'group' } as const;
    const decoded = decodeFrame(encodeFrame(hello));
    assert.equal(decoded.kind === 'hello' && decoded.introduction.protocolVersion, 1);
  });

  test('never throw when they are foreign', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        decodeFrame(bytes);
      }),
    );
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), (at, value) => {
        const bytes = encodeFrame({ kind: 'answer', introduction: inGroup, refused: null, isExpelled: false, view });
        bytes[at % bytes.length] = value;
        decodeFrame(bytes);
      }),
    );
  });

  test('a belonging with any byte changed is found damaged, or says the same', () => {
    const founding = foundingView(1, [member]);
    const definition = { groupId: 'g', groupName: 'name', view: founding, options: { a: 1 } };
    const belonging = { definition, self: 1, view: withLearner(founding, { ...member, memberId: 'n' }) };
    const bytes = encodeBelonging(belonging);
    assert.deepEqual(decodeBelonging(bytes), { kind: 'belonging', ...belonging });
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 1;
      const decoded = decodeBelonging(changed);
      if (decoded.kind === 'belonging') assert.deepEqual(decoded, { kind: 'belonging', ...belonging });
    }
  });
});
