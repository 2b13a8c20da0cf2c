const DAY_MS = 86_400_000;

const clock = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const preciseClock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
});
const weekday = new Intl.DateTimeFormat('en', { weekday: 'long' });
const shortWeekday = new Intl.DateTimeFormat('en', { weekday: 'short' });
const shortDate = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short' });
const longDate = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'long', year: 'numeric' });
const full = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' });

/** Hours and minutes. */
export function timeText(at: Date): string {
  return clock.format(at);
}

/** To the millisecond, for the inspector. */
export function preciseTimeText(at: Date): string {
  return preciseClock.format(at);
}

/** Day and time. */
export function dateTimeText(at: Date): string {
  return full.format(at);
}

/** For a line between days: `Today`, `Yesterday`, a weekday, a date. */
export function dayText(at: Date, now = new Date()): string {
  const days = daysBetween(at, now);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return days < 7 ? weekday.format(at) : longDate.format(at);
}

/** For the room list: the time of today, then days. */
export function shortText(at: Date, now = new Date()): string {
  const days = daysBetween(at, now);
  if (days === 0) return timeText(at);
  if (days === 1) return 'Yesterday';
  return days < 7 ? shortWeekday.format(at) : shortDate.format(at);
}

/** Whether both are on the same day, where the reader is. */
export function isSameDay(one: Date, other: Date): boolean {
  return one.toDateString() === other.toDateString();
}

function daysBetween(at: Date, now: Date): number {
  const midnight = (date: Date): number => new Date(date).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(at)) / DAY_MS);
}
