import type pino from 'pino';

/** The logger that is handed down; never imported as a global. */
export type Logger = pino.Logger;
