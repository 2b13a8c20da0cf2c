import type { MessageData } from '../../gen/services/chat/v1/types_pb.ts';
import type { People } from './people.ts';

/** What a system message says happened. */
export function systemText(message: MessageData, people: Pick<People, 'nameOf' | 'nameOfPhone'>): string {
  const { event = '', content, senderId } = message;
  const actor = people.nameOf(senderId);
  switch (event) {
    case 'new_member':
      return `${actor} added ${inSentence(people.nameOfPhone(content))}`;
    case 'remove_member': {
      const who = people.nameOfPhone(content);
      return who === actor ? `${who} left` : `${actor} removed ${inSentence(who)}`;
    }
    case 'new_name':
      return `${actor} named the room “${content}”`;
    case 'new_photo':
      return `${actor} changed the room’s picture`;
    default:
      return `${event}: ${content}`;
  }
}

/** What a message without text has instead of it; empty: nothing. */
export function attachmentText({ file, locationName, contactName, contactPhone }: MessageData): string {
  if (file !== undefined) return `📎 ${file}`;
  if (locationName !== undefined) return `📍 ${locationName}`;
  if (contactName !== undefined) return `👤 ${contactName} ${contactPhone ?? ''}`.trimEnd();
  return '';
}

function inSentence(name: string): string {
  return name === 'You' ? 'you' : name;
}
