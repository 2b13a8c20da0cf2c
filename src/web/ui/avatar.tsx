import { useState } from 'preact/hooks';
import { Icon } from './icons.tsx';

const HUES = 8;

/** A number for a person's colour, 0 to 7: the same one everywhere. */
export function hueOf(id: number): number {
  return id % HUES;
}

/** A person's picture, or their initials where there is none that loads. */
export function Avatar(props: {
  readonly id: number;
  readonly name: string;
  readonly picture: string;
  readonly size?: number;
}) {
  const { id, name, picture, size = 40 } = props;
  const [broken, setBroken] = useState('');
  const hasPicture = picture !== '' && picture !== broken;
  return (
    <span class={`avatar hue-${hueOf(id)}`} style={{ '--size': `${size}px` }} aria-hidden="true">
      {hasPicture ? <img src={picture} alt="" onError={() => setBroken(picture)} /> : initials(name)}
    </span>
  );
}

/** The picture of a room: the partner's, the group's, or a sign of what it is. */
export function RoomAvatar(props: {
  readonly room: { readonly kind: string; readonly name: string; readonly picture: string };
  readonly size?: number;
}) {
  const { room, size = 44 } = props;
  if (room.kind === 'p2p' || room.picture !== '') {
    return <Avatar id={hash(room.name)} name={room.name} picture={room.picture} size={size} />;
  }
  return (
    <span class={`avatar hue-${hash(room.name) % HUES}`} style={{ '--size': `${size}px` }} aria-hidden="true">
      <Icon name={room.kind === 'channel' ? 'channel' : 'group'} size={size * 0.55} />
    </span>
  );
}

function initials(name: string): string {
  const words = name.split(/\s+/).filter((word) => word !== '');
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => [...(word ?? '')][0]);
  return letters.join('').toUpperCase();
}

function hash(text: string): number {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9_973;
  return sum;
}
