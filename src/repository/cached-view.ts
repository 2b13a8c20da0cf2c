import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { UserProfile } from '../chat/types.ts';
import { type Room, RoomSchema } from '../gen/services/chat/v1/types_pb.ts';

/*
 * A cached view: checksum (4 bytes), length of the head (2), head, room in binary. The head is the format and the stamp under which
 * the view was loaded. There are no names, phones and avatars in it: those are asked for each time.
 */

const CHECKSUM_BYTES = 4;
const LENGTH_BYTES = 2;
const HEAD_AT = CHECKSUM_BYTES + LENGTH_BYTES;

/** Raise it when a view shows something else than before without a change of the contract. */
const VIEW_VERSION = 1;
/** Of another contract, older or newer, a view may lack fields: instances of several versions may share a cache. */
const FORMAT = `${VIEW_VERSION}.${createHash('sha256')
  .update(toBinary(FileDescriptorProtoSchema, RoomSchema.file.proto))
  .digest('base64url')
  .slice(0, 12)}`;

/** A view as it is cached; the room is not changed. */
export function encodeView(room: Room, stamp: string): Uint8Array {
  const head = Buffer.from(`${FORMAT} ${stamp}`);
  const profiles = profilesIn(room);
  // In place and back: a copy of the room would cost more than everything else here.
  addProfiles(room, (id) => ({ id, name: '', phone: '', avatar: '' }));
  const body = toBinary(RoomSchema, room);
  addProfiles(room, (id) => profiles.get(id));
  const bytes = new Uint8Array(HEAD_AT + head.length + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(CHECKSUM_BYTES, head.length);
  bytes.set(head, HEAD_AT);
  bytes.set(body, HEAD_AT + head.length);
  view.setUint32(0, crc32(bytes.subarray(CHECKSUM_BYTES)));
  return bytes;
}

/** What a cached value is: a view of that room under that stamp, one under another stamp, or nothing that can be used. */
export type DecodedView = { readonly room: Room } | 'stale' | 'unusable';

/** Reads a cached value; the room is the caller's own, and lacks profiles. */
export function decodeView(bytes: Uint8Array, roomId: string, stamp: string): DecodedView {
  if (bytes.length < HEAD_AT) return 'unusable';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== crc32(bytes.subarray(CHECKSUM_BYTES))) return 'unusable';
  const bodyAt = HEAD_AT + view.getUint16(CHECKSUM_BYTES);
  const head = Buffer.from(bytes.buffer, bytes.byteOffset + HEAD_AT, bodyAt - HEAD_AT).toString();
  if (!head.startsWith(`${FORMAT} `)) return 'unusable';
  if (head !== `${FORMAT} ${stamp}`) return 'stale';
  const room = fromBinary(RoomSchema, bytes.subarray(bodyAt));
  return room.id === roomId ? { room } : 'unusable';
}

/** The users whose profiles a view shows. */
export function usersIn({ partner, participants, lastMessage }: Room): number[] {
  return [
    ...(partner === undefined ? [] : [partner.id]),
    ...(lastMessage === undefined ? [] : [lastMessage.senderId]),
    ...participants.map(({ id }) => id),
  ];
}

/** Writes the profiles into a view that lacks them; false when one is missing. */
export function addProfiles(room: Room, profileOf: (userId: number) => UserProfile | undefined): boolean {
  const { partner, participants, lastMessage } = room;
  for (const shown of partner === undefined ? participants : [partner, ...participants]) {
    const profile = profileOf(shown.id);
    if (profile === undefined) return false;
    shown.name = profile.name;
    shown.phone = profile.phone;
    shown.avatar = profile.avatar;
  }
  if (partner !== undefined) {
    room.name = partner.name;
    room.photoUrl = partner.avatar;
  }
  if (lastMessage === undefined) return true;
  const sender = profileOf(lastMessage.senderId);
  if (sender === undefined) return false;
  lastMessage.senderName = sender.name;
  lastMessage.senderPhone = sender.phone;
  lastMessage.senderAvatar = sender.avatar;
  return true;
}

/** What a view says about each user: of one moment, so the same wherever he is shown. */
function profilesIn({ partner, participants, lastMessage }: Room): Map<number, UserProfile> {
  const profiles = new Map<number, UserProfile>();
  if (lastMessage !== undefined) {
    const { senderId: id, senderName: name, senderPhone: phone, senderAvatar: avatar } = lastMessage;
    profiles.set(id, { id, name, phone, avatar });
  }
  for (const shown of partner === undefined ? participants : [partner, ...participants]) {
    profiles.set(shown.id, { id: shown.id, name: shown.name, phone: shown.phone, avatar: shown.avatar });
  }
  return profiles;
}
