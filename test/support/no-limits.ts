/** Settings of a service on a real database, for those who test or measure something else than its limits. */
export const NO_RATE_LIMITS = {
  RATE_LIMIT_USER_PER_MINUTE: '0',
  RATE_LIMIT_ROOM_PER_MINUTE: '0',
  RATE_LIMIT_TOKENS_PER_MINUTE: '0',
  RATE_LIMIT_ROOMS_PER_MINUTE: '0',
  RATE_LIMIT_STREAMS_PER_MINUTE: '0',
  RATE_LIMIT_POLLS_PER_MINUTE: '0',
  RATE_LIMIT_AUTH_FAILURES_PER_MINUTE: '0',
} as const;
