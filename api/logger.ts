type Log = (fields: Record<string, unknown>, message: string) => void

/** What the api needs of a logger; pino fits. */
export type Logger = { debug: Log; info: Log; error: Log }
