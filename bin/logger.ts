import { pino } from 'pino'
import type { DestinationStream, Logger } from 'pino'

const MAX_TEXT = 4000
const MAX_CAUSES = 5

export type LoggerOptions = { level: string; role: string }

/** The log of a server: JSON lines. */
export function createLogger({ level, role }: LoggerOptions, destination: DestinationStream): Logger {
  return pino({ level, base: { role }, serializers: { err: (error: unknown) => plainError(error) } }, destination)
}

/**
 * An error and its causes. Of a statement that failed, the text without its values: these are prompts, variables, whole
 * archives, and belong in no log.
 */
function plainError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: cut(String(error)) }
  const { name, message, stack = '', cause } = error
  const isStatement = 'query' in error && 'params' in error
  const { code } = error as { code?: unknown }
  return {
    type: name,
    message: cut(isStatement ? `Cannot run a statement: ${String(error.query)}` : message),
    ...(typeof code === 'string' && { code }),
    // It begins with the message.
    stack: cut(stack.slice(stack.indexOf(message) + message.length).trim()),
    ...(cause !== undefined && depth < MAX_CAUSES && { cause: plainError(cause, depth + 1) }),
  }
}

const cut = (text: string) => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text)
