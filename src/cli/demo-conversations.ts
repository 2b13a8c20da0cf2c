/** A demo user. */
export interface DemoUser {
  readonly id: number;
  readonly name: string;
  /** Background of the avatar. */
  readonly colour: string;
}

/** A demo room and everything said in it. */
export interface DemoRoom {
  /** Fixed, so that documentation can name it. */
  readonly id: string;
  readonly type: 'p2p' | 'group' | 'channel';
  readonly name: string;
  readonly description: string;
  /** Shown on the room's picture. */
  readonly emoji: string;
  /** The first one is the owner. */
  readonly members: readonly number[];
  /** Members may write; owners always may. */
  readonly sendMessage: boolean;
  readonly lines: readonly DemoLine[];
  /** Who has read the room up to which line. */
  readonly reads: Readonly<Record<number, number>>;
}

/** One message. */
export interface DemoLine {
  readonly from: number;
  readonly text: string;
  /** Index of the line that this one answers. */
  readonly reply?: number;
  /** User id → emoji. */
  readonly reactions?: Readonly<Record<number, string>>;
}

/** Ana (1) talks with Ben (2) here; used by the banner and the documentation. */
export const DEMO_ROOM_ID = '00000000-0000-4000-8000-000000000001';

export const DEMO_USERS: readonly DemoUser[] = [
  { id: 1, name: 'Ana Torres', colour: '#0e7c66' },
  { id: 2, name: 'Ben Okafor', colour: '#b4540a' },
  { id: 3, name: 'Carla Rossi', colour: '#8e3b8a' },
  { id: 4, name: 'David Lindqvist', colour: '#2b5fb3' },
  { id: 5, name: 'Elena Petrova', colour: '#a62639' },
  { id: 6, name: 'Farid Haddad', colour: '#4d6b1f' },
  { id: 7, name: 'Grace Kim', colour: '#5a4fb0' },
  { id: 8, name: 'Hugo Marín', colour: '#6b5344' },
];

export const DEMO_ROOMS: readonly DemoRoom[] = [
  {
    id: DEMO_ROOM_ID,
    type: 'p2p',
    name: '',
    description: '',
    emoji: '',
    members: [1, 2],
    sendMessage: true,
    lines: [
      { from: 1, text: 'Hi Ben, did you get the keys from the neighbours?' },
      { from: 2, text: 'Yes, they are on the hook next to the door.' },
      { from: 2, text: 'The plants look thirsty, by the way.', reactions: { 1: '😅' } },
      { from: 1, text: 'I know, I know. Could you water them tonight?' },
      { from: 2, text: 'Sure. All of them?', reply: 3 },
      { from: 1, text: 'All but the cactus. It had its glass of water in March.' },
      { from: 2, text: 'Noted: the cactus is on a diet 🌵', reactions: { 1: '😂' } },
      { from: 1, text: 'Thank you! I owe you a dinner.' },
      { from: 2, text: 'The place with the arepas?', reply: 7 },
      { from: 1, text: 'Deal. Thursday, eight o’clock.', reactions: { 2: '👍' } },
      { from: 2, text: 'I will be there. Hungry.' },
    ],
    reads: { 1: 9, 2: 9 },
  },
  {
    id: '00000000-0000-4000-8000-000000000002',
    type: 'group',
    name: 'Weekend hike',
    description: 'Somewhere with a view, back before dark.',
    emoji: '⛰️',
    members: [3, 1, 2, 4, 5],
    sendMessage: true,
    lines: [
      {
        from: 3,
        text: 'Who is in for Saturday? The forecast says sun ☀️',
        reactions: { 1: '🙌', 4: '🙌', 5: '🙌' },
      },
      { from: 1, text: 'In!' },
      { from: 4, text: 'In. Ridge or lake?' },
      { from: 5, text: 'Lake, please. My knees still remember the ridge.', reply: 2, reactions: { 3: '😂' } },
      { from: 2, text: 'Lake. I bring the coffee.', reactions: { 1: '❤️', 3: '❤️' } },
      { from: 3, text: 'Lake it is: 14 km, 600 m up, about five hours with a long break.' },
      { from: 4, text: 'I can take three people in the car. Leaving at 7:30 from the station.' },
      { from: 5, text: '7:30 in the morning?!', reply: 6, reactions: { 4: '😇' } },
      { from: 1, text: 'There is a bakery at the station. You will survive.' },
      { from: 3, text: 'I come by train and meet you at the trailhead at 8:45.' },
      { from: 2, text: 'Does anybody have a spare pair of poles?' },
      { from: 4, text: 'Two pairs in the boot of the car.', reply: 10, reactions: { 2: '🙏' } },
      { from: 5, text: 'And the swimming things? The lake is supposed to be at 17 degrees.' },
      { from: 1, text: '17 is a rumour. Last year my feet went blue.', reactions: { 3: '🥶', 5: '😱' } },
    ],
    reads: { 1: 13, 2: 11, 3: 13, 4: 12, 5: 13 },
  },
  {
    id: '00000000-0000-4000-8000-000000000003',
    type: 'group',
    name: 'Kitchen, third floor',
    description: 'The coffee machine has a group of its own.',
    emoji: '☕️',
    members: [1, 2, 6, 7, 8],
    sendMessage: true,
    lines: [
      { from: 6, text: 'The machine says “empty tray”. The tray is empty. Now what?' },
      { from: 7, text: 'It wants to feel it. Take it out, count to ten, put it back.', reply: 0 },
      { from: 6, text: 'It worked?! Who builds these things', reactions: { 1: '😂', 7: '😎', 8: '😂' } },
      { from: 8, text: 'We are out of oat milk again.' },
      {
        from: 1,
        text: 'Ordered on Monday, it comes with tomorrow’s delivery.',
        reply: 3,
        reactions: { 8: '🎉' },
      },
      { from: 2, text: 'Can we order the dark roast this time? The other one tastes like the box.' },
      { from: 7, text: '+1 for the dark roast', reactions: { 2: '➕', 6: '➕' } },
      { from: 1, text: 'Added. Two kilos?' },
      { from: 6, text: 'Three. Release is on Friday.', reply: 7, reactions: { 1: '😅', 2: '😅', 7: '💯' } },
      { from: 1, text: 'Three it is.' },
      { from: 8, text: 'There is half a cake in the fridge. No names on it. I am just saying.' },
      { from: 7, text: 'There was half a cake in the fridge.', reply: 10, reactions: { 8: '😭', 1: '🍰' } },
    ],
    reads: { 1: 11, 2: 8, 6: 9, 7: 11, 8: 11 },
  },
  {
    id: '00000000-0000-4000-8000-000000000004',
    type: 'channel',
    name: 'Announcements',
    description: 'What everybody should know. Only Ana writes here.',
    emoji: '📣',
    members: [1, 2, 3, 4, 5, 6, 7, 8],
    sendMessage: false,
    lines: [
      {
        from: 1,
        text: 'Welcome! This channel is for news that concerns all of us.',
        reactions: { 3: '👋', 6: '👋' },
      },
      {
        from: 1,
        text: 'The office is closed on Monday. Enjoy the long weekend.',
        reactions: { 2: '🎉', 5: '🎉', 8: '🎉' },
      },
      { from: 1, text: 'New people: Grace and Hugo started this week. Say hello when you see them.' },
      { from: 1, text: 'The lift is repaired. It took only four months.', reactions: { 4: '🙌', 7: '😮' } },
      { from: 1, text: 'Reminder: the release is on Friday. Please keep the main branch green.' },
    ],
    reads: { 1: 4, 2: 3, 3: 4, 4: 1, 5: 4, 6: 4, 7: 3, 8: 2 },
  },
];
