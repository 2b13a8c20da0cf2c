/** Limits that an operator may change (extensions 8). */
export interface ChatLimits {
  /** Characters of a message's content. */
  readonly maxContentChars: number;
  /** Users named in one call. */
  readonly maxParticipantsPerCall: number;
  /** Active members of a group or channel. */
  readonly maxGroupMembers: number;
  /** Keep the clear text of messages beside the ciphertext. */
  readonly storePlaintext: boolean;
}

/** Longest texts, in characters. */
export const MAX_NAME_CHARS = 255;
export const MAX_DESCRIPTION_CHARS = 2048;
export const MAX_URL_CHARS = 2048;
export const MAX_TAG_CHARS = 64;
export const MAX_REACTION_CHARS = 32;
export const MAX_SENDER_MESSAGE_ID_CHARS = 64;
/** A push token is part of an index row, which holds at most 2704 bytes. */
export const MAX_TOKEN_BYTES = 2048;

/** Message ids in one call. */
export const MAX_MESSAGE_IDS = 500;
/** Users in one administration call. */
export const MAX_USERS_PER_CALL = 1000;
/** Largest pages; larger ones are read as these. */
export const MAX_ROOMS_PER_PAGE = 50;
export const MAX_ITEMS_PER_PAGE = 100;
/** Messages of one room in one answer; larger values are read as this. */
export const MAX_MESSAGES_PER_ROOM = 100;
