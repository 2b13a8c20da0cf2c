import type { ChatClient } from '../../client/client.ts';
import { asAction } from './action-error.ts';
import { ActionError, type ChatModel } from './model.ts';
import type { RoomList } from './room-list.ts';

/** What a user can do to rooms. */
export type RoomActions = Pick<
  ChatModel,
  | 'createRoom'
  | 'pin'
  | 'mute'
  | 'block'
  | 'rename'
  | 'allow'
  | 'addMembers'
  | 'removeMember'
  | 'setRole'
  | 'leave'
>;

/** What these actions need. */
export interface RoomActionDeps {
  readonly rpc: ChatClient['rpc'];
  readonly rooms: Pick<RoomList, 'put' | 'refresh' | 'forget'>;
  /** The service tells nobody of it: the user's other tabs have to hear of it from here. */
  readonly changed: (roomId: string) => void;
}

const OPTIONS = { timeoutMs: 10_000 };

/** Each action ends when the service has answered and the list of rooms shows it. */
export function createRoomActions({ rpc, rooms, changed }: RoomActionDeps): RoomActions {
  const act = async (roomId: string, call: () => Promise<unknown>): Promise<void> => {
    await asAction(async () => {
      await call();
      await rooms.refresh(roomId);
    });
    changed(roomId);
  };
  return {
    createRoom: async ({ kind, name, description, members }) =>
      await asAction(async () => {
        const request = {
          type: kind,
          participants: [...members],
          ...(kind !== 'p2p' && { name, description }),
        };
        const { room } = await rpc.createRoom(request, OPTIONS);
        if (room === undefined) throw new ActionError('The room was not created');
        await rooms.put(room);
        return room.id;
      }),
    pin: async (id) => await act(id, () => rpc.pinRoom({ id }, OPTIONS)),
    mute: async (id) => await act(id, () => rpc.muteRoom({ id }, OPTIONS)),
    block: async (id) => await act(id, () => rpc.blockUser({ id }, OPTIONS)),
    rename: async (id, name, description) =>
      await act(id, () => rpc.updateRoom({ id, name, description }, OPTIONS)),
    allow: async (id, { write, addMembers, edit }) => {
      const request = {
        id,
        ...(write !== undefined && { sendMessage: write }),
        ...(addMembers !== undefined && { addMember: addMembers }),
        ...(edit !== undefined && { editGroup: edit }),
      };
      await act(id, () => rpc.updateRoom(request, OPTIONS));
    },
    addMembers: async (id, userIds) =>
      await act(id, () => rpc.addParticipantToRoom({ id, participants: [...userIds] }, OPTIONS)),
    removeMember: async (id, userId) =>
      await act(id, () => rpc.leaveRoom({ id, participants: [userId] }, OPTIONS)),
    setRole: async (id, participant, role) =>
      await act(id, () => rpc.updateParticipantRoom({ id, participant, role }, OPTIONS)),
    leave: async (id) =>
      await asAction(async () => {
        await rpc.leaveRoom({ id }, OPTIONS);
        rooms.forget(id);
      }),
  };
}
